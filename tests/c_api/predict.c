/* Runs one signature of a SavedModel by TensorFlow's C API, as TensorFlow Serving does: loads the graph tagged "serve" into
   a session, feeds the signature's tensors and fetches its outputs.

   predict MODEL_DIR INPUTS OUTPUTS DIRECTORY {NAME:INDEX TYPE FILE RANK SIZE...} * INPUTS {NAME:INDEX FILE} * OUTPUTS

   Inputs are read from raw files; each output is written to its file, with a line "TYPE SIZE..." in FILE.shape. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorflow/c/c_api.h>

enum { MOST = 16 };

static void check(TF_Status* status) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "error: %s\n", TF_Message(status));
  exit(1);
}

static TF_Output find(TF_Graph* graph, char* name) {
  char* index = strrchr(name, ':');
  *index = '\0';
  TF_Output found = {TF_GraphOperationByName(graph, name), atoi(index + 1)};
  if (found.oper != NULL) return found;
  fprintf(stderr, "error: no operation %s\n", name);
  exit(1);
}

static TF_Tensor* read_tensor(TF_DataType type, const char* path, int rank, const int64_t* sizes) {
  size_t bytes = TF_DataTypeSize(type);
  for (int axis = 0; axis < rank; ++axis) bytes *= (size_t)sizes[axis];
  TF_Tensor* tensor = TF_AllocateTensor(type, sizes, rank, bytes);
  FILE* file = fopen(path, "rb");
  if (file == NULL || fread(TF_TensorData(tensor), 1, bytes, file) != bytes) {
    fprintf(stderr, "error: %s: cannot be read\n", path);
    exit(1);
  }
  fclose(file);
  return tensor;
}

static void write_tensor(const TF_Tensor* tensor, const char* path) {
  char shape_path[4096];
  snprintf(shape_path, sizeof shape_path, "%s.shape", path);
  FILE* file = fopen(path, "wb");
  FILE* shape = fopen(shape_path, "w");
  if (file == NULL || shape == NULL) exit(1);
  fwrite(TF_TensorData(tensor), 1, TF_TensorByteSize(tensor), file);
  fprintf(shape, "%d", TF_TensorType(tensor));
  for (int axis = 0; axis < TF_NumDims(tensor); ++axis) fprintf(shape, " %lld", (long long)TF_Dim(tensor, axis));
  if (fclose(file) != 0 || fclose(shape) != 0) exit(1);
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const char* tag = "serve";
  int num_inputs = atoi(argv[2]), num_outputs = atoi(argv[3]);
  if (num_inputs > MOST || num_outputs > MOST) return 2;

  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  TF_Session* session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], &tag, 1, graph, NULL, status);
  check(status);

  TF_Output inputs[MOST], outputs[MOST];
  TF_Tensor *fed[MOST], *fetched[MOST];
  char** argument = argv + 4;
  for (int i = 0; i < num_inputs; ++i) {
    inputs[i] = find(graph, *argument++);
    TF_DataType type = (TF_DataType)atoi(*argument++);
    const char* path = *argument++;
    int rank = atoi(*argument++);
    int64_t sizes[MOST];
    for (int axis = 0; axis < rank; ++axis) sizes[axis] = atoll(*argument++);
    fed[i] = read_tensor(type, path, rank, sizes);
  }
  char* paths[MOST];
  for (int i = 0; i < num_outputs; ++i) {
    outputs[i] = find(graph, *argument++);
    paths[i] = *argument++;
  }
  TF_SessionRun(session, NULL, inputs, fed, num_inputs, outputs, fetched, num_outputs, NULL, 0, NULL, status);
  check(status);
  for (int i = 0; i < num_outputs; ++i) write_tensor(fetched[i], paths[i]);

  TF_CloseSession(session, status);
  check(status);
  return 0;
}
