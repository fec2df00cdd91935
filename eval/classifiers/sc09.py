"""The classifier of spoken digits that the published inception scores were computed with (eval/inception/train.py)."""

from __future__ import annotations

import keras
from keras import layers, ops

from eval.classifiers.labels import LABELS
from eval.clips import CLIP_LEN
from eval.features import FRAME_STEP, MEL_BINS
from wavegan_tf.core import tf1
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.nn.layers import BatchNormalization

_FRAMES, _CHANNELS, _CONVOLUTIONS = CLIP_LEN // FRAME_STEP, 128, 4
_FEATURES = (_FRAMES >> _CONVOLUTIONS) * (MEL_BINS >> _CONVOLUTIONS) * _CHANNELS
_SCOPE = "classifier"


@keras.saving.register_keras_serializable("adversarial_audio_eval")
class SC09Classifier(keras.Model):
    """Log-mel features [b, 128, 128] -> logits [b, classes].

    Batch normalisation stands before each of the four convolutions, not after, and again before the dense layer, there
    with a mean and a variance for each of the 8192 places. The original computes a dropout rate for training and never
    uses it, so there is none.

    Args:
      num_classes: of the logits.
    """

    def __init__(self, num_classes: int = len(LABELS), **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        # Only the norms whose inputs have four axes took TF1's fused form, which gathers another variance.
        self.norms = [
            BatchNormalization(fused=0 < i < _CONVOLUTIONS, name=f"batch_normalization_{i}")
            for i in range(_CONVOLUTIONS + 1)
        ]
        self.convolutions = [
            layers.Conv2D(_CHANNELS, 5, padding="same", activation="relu", name=f"conv2d_{i}")
            for i in range(_CONVOLUTIONS)
        ]
        self.pool = layers.MaxPooling2D(2)
        self.dense = layers.Dense(num_classes, name="dense")

    def build(self, input_shape) -> None:
        """Makes all variables."""
        for i, convolution in enumerate(self.convolutions):
            self.norms[i].build((None, None, _CHANNELS if i else MEL_BINS))
            convolution.build((None, None, None, _CHANNELS if i else 1))
        self.norms[-1].build((None, _FEATURES))
        self.dense.build((None, _FEATURES))
        self.built = True

    def features(self, log_mel, training: bool = False):
        """Input of the dense layer: [b, 128, 128] (time, mel) -> [b, 8192]."""
        x = self.norms[0](log_mel, training=training)[..., None]  # [b, 128, 128, 1]; by mel band
        for i, convolution in enumerate(self.convolutions):
            if i:
                x = self.norms[i](x, training=training)
            x = self.pool(convolution(x))  # [b, 64, 64, 128], [b, 32, 32, 128], [b, 16, 16, 128], [b, 8, 8, 128]
        return self.norms[-1](ops.reshape(x, [-1, _FEATURES]), training=training)

    def call(self, log_mel, training: bool = False):
        """Logits [b, classes]; with `training`, norms go by the batch and move their averages."""
        return self.dense(self.features(log_mel, training=training))

    def compute_output_shape(self, input_shape):
        """[b, classes]."""
        return (input_shape[0], self.num_classes)

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "num_classes": self.num_classes}


def build_classifier(num_classes: int = len(LABELS)) -> SC09Classifier:
    """A classifier with the original's initial weights: Glorot uniform kernels, zero biases."""
    classifier = SC09Classifier(num_classes)
    classifier.build((None, _FRAMES, MEL_BINS))
    return classifier


def variables(classifier: SC09Classifier) -> dict[str, keras.Variable]:
    """Its variables by the names that the original code gives them."""
    found: dict[str, keras.Variable] = {}
    for i, norm in enumerate(classifier.norms):
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            found[f"{_numbered('batch_normalization', i)}/{name}"] = getattr(norm, name)
    for i, convolution in enumerate(classifier.convolutions):
        found[f"{_numbered('conv2d', i)}/kernel"] = convolution.kernel
        found[f"{_numbered('conv2d', i)}/bias"] = convolution.bias
    found[f"{_SCOPE}/dense/kernel"] = classifier.dense.kernel
    found[f"{_SCOPE}/dense/bias"] = classifier.dense.bias
    return found


def _numbered(name: str, i: int) -> str:
    """TF1's name of the i-th layer of a kind."""
    return f"{_SCOPE}/{name}_{i}" if i else f"{_SCOPE}/{name}"


def load_tf1(path: str) -> SC09Classifier:
    """A classifier with the weights of a TF1 checkpoint, as many classes as that has.

    Args:
      path: of the checkpoint without extension, such as eval/inception/best_acc-103005 of the original repository, or
        of a folder that holds checkpoints, whose newest is taken.

    Raises:
      UserError: there is no checkpoint, or it is damaged or another network's.
    """
    values = tf1.read_checkpoint(path)
    bias = values.get(f"{_SCOPE}/dense/bias")
    if bias is None or bias.ndim != 1:
        raise UserError(f"{path}: holds no {_SCOPE}/dense/bias [classes]; it is no checkpoint of the SC09 classifier")
    classifier = build_classifier(len(bias))
    tf1.assign(variables(classifier), values, "the SC09 classifier")
    return classifier
