"""Strided 1-D convolution, its adjoint and its kernel gradient.

The three are the partial derivatives of one trilinear form, so each one's gradients are the other two: with
`own_gradients`, derivatives of every order (the gradient penalty needs the second) stay within this file. The adjoint
and the kernel gradient are computed in whichever of two equal ways is faster on a CPU:

- TensorFlow's own convolution operations, or
- one matrix product and patches. On short signals with many channels TensorFlow's CPU kernels for these two run far
  below the machine's peak, and a matrix product runs near it.

On a GPU it is always the former. Without `own_gradients` the derivatives are TensorFlow's: the same numbers, slower,
and nothing in the graph that a SavedModel cannot hold. Padding is TensorFlow's "SAME".
"""

from __future__ import annotations

import tensorflow as tf

# Up to so many outputs the matrix product is the faster form: such short signals have many channels in these networks
#.
_SHORT = 64


def conv1d(x: tf.Tensor, kernel: tf.Tensor, stride: int, own_gradients: bool = True) -> tf.Tensor:
    """Convolution as in `tf.nn.conv1d`.

    Args:
      x: [b, t, c_in].
      kernel: [k, c_in, c_out].
      stride: step between outputs.
      own_gradients: see above.

    Returns:
      [b, ceil(t / stride), c_out].
    """
    if not own_gradients:
        return _conv1d(x, kernel, stride)

    @tf.custom_gradient
    def forward(x: tf.Tensor, kernel: tf.Tensor):
        def gradient(dy: tf.Tensor):
            return (
                conv1d_transpose(dy, kernel, stride, x.shape[1]),
                conv1d_kernel_gradient(x, dy, kernel.shape[0], stride),
            )

        return _conv1d(x, kernel, stride), gradient

    return forward(x, kernel)


def conv1d_transpose(
    y: tf.Tensor, kernel: tf.Tensor, stride: int, length: int, own_gradients: bool = True
) -> tf.Tensor:
    """Adjoint of `conv1d` in its input; as `tf.nn.conv1d_transpose`.

    Args:
      y: [b, ceil(length / stride), c_out].
      kernel: [k, c_in, c_out].
      stride: stride of the convolution whose adjoint this is.
      length: samples of the result.
      own_gradients: see above.

    Returns:
      [b, length, c_in].
    """
    if not own_gradients:
        return _conv1d_transpose(y, kernel, stride, length)

    @tf.custom_gradient
    def forward(y: tf.Tensor, kernel: tf.Tensor):
        def gradient(dx: tf.Tensor):
            return conv1d(dx, kernel, stride), conv1d_kernel_gradient(dx, y, kernel.shape[0], stride)

        return _conv1d_transpose(y, kernel, stride, length), gradient

    return forward(y, kernel)


def conv1d_kernel_gradient(x: tf.Tensor, dy: tf.Tensor, kernel_len: int, stride: int) -> tf.Tensor:
    """Adjoint of `conv1d` in its kernel.

    Args:
      x: [b, t, c_in], input of the convolution.
      dy: [b, ceil(t / stride), c_out], gradient to its output.
      kernel_len: k.
      stride: stride of the convolution.

    Returns:
      [k, c_in, c_out].
    """

    @tf.custom_gradient
    def forward(x: tf.Tensor, dy: tf.Tensor):
        def gradient(dkernel: tf.Tensor):
            return conv1d_transpose(dy, dkernel, stride, x.shape[1]), conv1d(x, dkernel, stride)

        return _conv1d_kernel_gradient(x, dy, kernel_len, stride), gradient

    return forward(x, dy)


def _as_matrix_product(outputs: int, stride: int) -> bool:
    return stride > 1 and outputs <= _SHORT and not tf.config.list_physical_devices("GPU")


def _padding(length: int, kernel_len: int, stride: int) -> tuple[int, int]:
    """Outputs of a SAME convolution, and the zeros before its first input."""
    outputs = -(-length // stride)
    return outputs, max((outputs - 1) * stride + kernel_len - length, 0) // 2


def _conv1d(x: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    return tf.nn.conv1d(x, kernel, stride, "SAME")


def _conv1d_transpose(y: tf.Tensor, kernel: tf.Tensor, stride: int, length: int) -> tf.Tensor:
    kernel_len, c_in, c_out = kernel.shape
    if _as_matrix_product(y.shape[1], stride):
        return _overlap_add(
            tf.matmul(tf.reshape(y, [-1, c_out]), tf.reshape(kernel, [kernel_len * c_in, c_out]), transpose_b=True),
            kernel_len,
            stride,
            length,
        )
    shape = [tf.shape(y)[0], 1, length, c_in]
    return tf.nn.conv2d_transpose(y[:, None], kernel[None], shape, [1, 1, stride, 1], "SAME")[:, 0]


def _conv1d_kernel_gradient(x: tf.Tensor, dy: tf.Tensor, kernel_len: int, stride: int) -> tf.Tensor:
    c_in, c_out = x.shape[2], dy.shape[2]
    if _as_matrix_product(dy.shape[1], stride):
        product = tf.matmul(_patches(x, kernel_len, stride), tf.reshape(dy, [-1, c_out]), transpose_a=True)
        return tf.reshape(product, [kernel_len, c_in, c_out])
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x[:, None],
        filter_sizes=[1, kernel_len, c_in, c_out],
        out_backprop=dy[:, None],
        strides=[1, 1, stride, 1],
        padding="SAME",
    )[0]


def _patches(x: tf.Tensor, kernel_len: int, stride: int) -> tf.Tensor:
    """What each output of the convolution sees: [b, t, c] -> [b * outputs, kernel_len * c]."""
    length, channels = x.shape[1:]
    outputs, before = _padding(length, kernel_len, stride)
    blocks = -(-kernel_len // stride)
    total = (outputs + blocks - 1) * stride
    x = tf.pad(x, [[0, 0], [before, max(total - length - before, 0)], [0, 0]])[:, :total]
    x = tf.reshape(x, [-1, outputs + blocks - 1, stride * channels])
    last = (kernel_len - (blocks - 1) * stride) * channels
    pieces = [x[:, block : block + outputs] for block in range(blocks)]
    pieces[-1] = pieces[-1][:, :, :last]
    return tf.reshape(tf.concat(pieces, axis=2), [-1, kernel_len * channels])


def _overlap_add(patches: tf.Tensor, kernel_len: int, stride: int, length: int) -> tf.Tensor:
    """Adjoint of `_patches`: [b * outputs, kernel_len * c] -> [b, length, c]."""
    outputs, before = _padding(length, kernel_len, stride)
    blocks = -(-kernel_len // stride)
    width = patches.shape[1] // kernel_len * stride
    patches = tf.reshape(patches, [-1, outputs, patches.shape[1]])
    shifted = []
    for block in range(blocks):
        piece = patches[:, :, block * width : (block + 1) * width]
        shifted.append(tf.pad(piece, [[0, 0], [block, blocks - 1 - block], [0, width - piece.shape[2]]]))
    total = (outputs + blocks - 1) * stride
    x = tf.reshape(tf.add_n(shifted), [-1, total, width // stride])
    x = x[:, before : before + length]
    return tf.pad(x, [[0, 0], [0, max(before + length - total, 0)], [0, 0]])
