"""Strided convolution over two axes, its adjoint and its kernel gradient; over one axis, the other has length one.

The three are the partial derivatives of one trilinear form, so each one's gradients are the other two: with
`own_gradients`, derivatives of every order (the gradient penalty needs the second) stay within this file. The adjoint
and the kernel gradient are computed in whichever of these equal ways is faster on a CPU:

- TensorFlow's own convolution operations,
- one matrix product and patches. Where few positions have many channels TensorFlow's CPU kernels for these two run far
  below the machine's peak, and a matrix product runs near it, or
- for the adjoint at stride one, a convolution with the kernel turned round: TensorFlow's CPU kernels compute that up to
  three times as fast.

On a GPU it is always the former. Without `own_gradients` the derivatives are TensorFlow's: the same numbers, slower,
and nothing in the graph that a SavedModel cannot hold. Padding is TensorFlow's "SAME".
"""

from __future__ import annotations

import tensorflow as tf

# Up to so many output positions the matrix product is the faster form: they have many channels in these networks.
_FEW = 64

Strides = tuple[int, int]


def conv2d(x: tf.Tensor, kernel: tf.Tensor, strides: Strides, own_gradients: bool = True) -> tf.Tensor:
    """Convolution as in `tf.nn.conv2d`.

    Args:
      x: [b, h, w, c_in].
      kernel: [kh, kw, c_in, c_out].
      strides: steps between outputs along both axes.
      own_gradients: see above.

    Returns:
      [b, ceil(h / strides[0]), ceil(w / strides[1]), c_out].
    """
    if not own_gradients:
        return _conv2d(x, kernel, strides)

    @tf.custom_gradient
    def forward(x: tf.Tensor, kernel: tf.Tensor):
        def gradient(dy: tf.Tensor):
            return (
                conv2d_transpose(dy, kernel, strides, (x.shape[1], x.shape[2])),
                conv2d_kernel_gradient(x, dy, (kernel.shape[0], kernel.shape[1]), strides),
            )

        return _conv2d(x, kernel, strides), gradient

    return forward(x, kernel)


def conv2d_transpose(
    y: tf.Tensor, kernel: tf.Tensor, strides: Strides, size: tuple[int, int], own_gradients: bool = True
) -> tf.Tensor:
    """Adjoint of `conv2d` in its input; as `tf.nn.conv2d_transpose`.

    Args:
      y: [b, ceil(h / strides[0]), ceil(w / strides[1]), c_out].
      kernel: [kh, kw, c_in, c_out].
      strides: those of the convolution whose adjoint this is.
      size: (h, w) of the result.
      own_gradients: see above.

    Returns:
      [b, h, w, c_in].
    """
    if not own_gradients:
        return _conv2d_transpose(y, kernel, strides, size)

    @tf.custom_gradient
    def forward(y: tf.Tensor, kernel: tf.Tensor):
        def gradient(dx: tf.Tensor):
            return (
                conv2d(dx, kernel, strides),
                conv2d_kernel_gradient(dx, y, (kernel.shape[0], kernel.shape[1]), strides),
            )

        return _conv2d_transpose(y, kernel, strides, size), gradient

    return forward(y, kernel)


def conv2d_of_boxes(x: tf.Tensor, kernel: tf.Tensor, scale: Strides, own_gradients: bool = True) -> tf.Tensor:
    """Convolution at stride 1 of an input whose every pixel is repeated `scale` times along each axis.

    It is done in one transposed convolution, whose kernel sums up the taps that meet the same pixel: 2.25 times fewer
    multiplications for a kernel of 3 x 3 and twice the size, 3.6 times for a kernel of 25 and four times the length.

    Args:
      x: [b, h, w, c_in].
      kernel: [kh, kw, c_in, c_out].
      scale: repetitions along both axes.
      own_gradients: see above.

    Returns:
      [b, h * scale[0], w * scale[1], c_out].
    """
    size = (x.shape[1] * scale[0], x.shape[2] * scale[1])
    turned = tf.transpose(_box_sums(kernel, scale)[::-1, ::-1], [0, 1, 3, 2])
    return conv2d_transpose(x, turned, scale, size, own_gradients)


def _box_sums(kernel: tf.Tensor, scale: tuple[int, int]) -> tf.Tensor:
    """The full convolution of a kernel [kh, kw, in, out] with a box of ones of this size.

    Even kernels get a zero in front: "same" padding, one shorter at the front than at the end, then stays so.
    """
    kernel = tf.pad(kernel, [[1 - kernel.shape[0] % 2, 0], [1 - kernel.shape[1] % 2, 0], [0, 0], [0, 0]])
    for axis, length in enumerate(scale):
        shifts = []
        for shift in range(length):
            paddings = [[0, 0] for _ in range(4)]
            paddings[axis] = [shift, length - 1 - shift]
            shifts.append(tf.pad(kernel, paddings))
        kernel = tf.add_n(shifts)
    return kernel


def conv2d_kernel_gradient(x: tf.Tensor, dy: tf.Tensor, kernel_size: tuple[int, int], strides: Strides) -> tf.Tensor:
    """Adjoint of `conv2d` in its kernel.

    Args:
      x: [b, h, w, c_in], input of the convolution.
      dy: [b, ceil(h / strides[0]), ceil(w / strides[1]), c_out], gradient to its output.
      kernel_size: (kh, kw).
      strides: those of the convolution.

    Returns:
      [kh, kw, c_in, c_out].
    """

    @tf.custom_gradient
    def forward(x: tf.Tensor, dy: tf.Tensor):
        def gradient(dkernel: tf.Tensor):
            return conv2d_transpose(dy, dkernel, strides, (x.shape[1], x.shape[2])), conv2d(x, dkernel, strides)

        return _conv2d_kernel_gradient(x, dy, kernel_size, strides), gradient

    return forward(x, dy)


def _on_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _as_matrix_product(positions: int, strides: Strides) -> bool:
    return max(strides) > 1 and positions <= _FEW and not _on_gpu()


def _conv2d(x: tf.Tensor, kernel: tf.Tensor, strides: Strides) -> tf.Tensor:
    return tf.nn.conv2d(x, kernel, strides, "SAME")


def _conv2d_transpose(y: tf.Tensor, kernel: tf.Tensor, strides: Strides, size: tuple[int, int]) -> tf.Tensor:
    kh, kw, c_in, c_out = kernel.shape
    rows, columns = y.shape[1:3]
    if strides == (1, 1) and not _on_gpu():
        # An even kernel leaves SAME padding uneven, and its adjoint uneven the other way.
        padding = [[0, 0], [kh // 2, (kh - 1) // 2], [kw // 2, (kw - 1) // 2], [0, 0]]
        return tf.nn.conv2d(y, tf.transpose(kernel[::-1, ::-1], [0, 1, 3, 2]), 1, padding)
    if not _as_matrix_product(rows * columns, strides):
        return tf.nn.conv2d_transpose(y, kernel, [tf.shape(y)[0], *size, c_in], strides, "SAME")
    product = tf.matmul(tf.reshape(y, [-1, c_out]), tf.reshape(kernel, [kh * kw * c_in, c_out]), transpose_b=True)
    patches = tf.reshape(product, [-1, rows, columns, kh, kw * c_in])
    patches = tf.transpose(patches, [0, 1, 3, 2, 4])  # [b, rows, kh, columns, kw c_in]
    x = _overlap_add(tf.reshape(patches, [-1, rows, kh * columns * kw * c_in]), kh, strides[0], size[0])
    x = _overlap_add(tf.reshape(x, [-1, columns, kw * c_in]), kw, strides[1], size[1])
    return tf.reshape(x, [-1, *size, c_in])


def _conv2d_kernel_gradient(x: tf.Tensor, dy: tf.Tensor, kernel_size: tuple[int, int], strides: Strides) -> tf.Tensor:
    (kh, kw), c_in, c_out = kernel_size, x.shape[3], dy.shape[3]
    height, width = x.shape[1:3]
    rows, columns = dy.shape[1:3]
    if kh == kw == 1 and max(strides) > 1:
        # TensorFlow's CPU kernel crashes on some sizes.
        return _conv2d_kernel_gradient(x[:, :: strides[0], :: strides[1]], dy, kernel_size, (1, 1))
    if not _as_matrix_product(rows * columns, strides):
        return tf.raw_ops.Conv2DBackpropFilter(
            input=x,
            filter_sizes=[kh, kw, c_in, c_out],
            out_backprop=dy,
            strides=[1, *strides, 1],
            padding="SAME",
        )
    patches = _patches(tf.reshape(x, [-1, width, c_in]), kw, strides[1])
    patches = _patches(tf.reshape(patches, [-1, height, columns * kw * c_in]), kh, strides[0])
    patches = tf.reshape(patches, [-1, rows, kh, columns, kw * c_in])
    patches = tf.transpose(patches, [0, 1, 3, 2, 4])  # [b, rows, columns, kh, kw c_in]
    product = tf.matmul(tf.reshape(patches, [-1, kh * kw * c_in]), tf.reshape(dy, [-1, c_out]), transpose_a=True)
    return tf.reshape(product, [kh, kw, c_in, c_out])


def _padding(length: int, kernel_len: int, stride: int) -> tuple[int, int]:
    """Outputs of a SAME convolution along one axis, and the zeros before its first input."""
    outputs = -(-length // stride)
    return outputs, max((outputs - 1) * stride + kernel_len - length, 0) // 2


def _patches(x: tf.Tensor, kernel_len: int, stride: int) -> tf.Tensor:
    """Inputs of each output along one axis: [b, length, c] -> [b, outputs, kernel_len * c]."""
    if kernel_len == stride == 1:
        return x
    length, channels = x.shape[1:]
    outputs, before = _padding(length, kernel_len, stride)
    blocks = -(-kernel_len // stride)
    total = (outputs + blocks - 1) * stride
    x = tf.pad(x, [[0, 0], [before, max(total - length - before, 0)], [0, 0]])[:, :total]
    x = tf.reshape(x, [-1, outputs + blocks - 1, stride * channels])
    last = (kernel_len - (blocks - 1) * stride) * channels
    pieces = [x[:, block : block + outputs] for block in range(blocks)]
    pieces[-1] = pieces[-1][:, :, :last]
    return tf.concat(pieces, axis=2)


def _overlap_add(patches: tf.Tensor, kernel_len: int, stride: int, length: int) -> tf.Tensor:
    """Adjoint of `_patches`: [b, outputs, kernel_len * c] -> [b, length, c]."""
    if kernel_len == stride == 1:
        return patches
    outputs, before = _padding(length, kernel_len, stride)
    blocks = -(-kernel_len // stride)
    width = patches.shape[2] // kernel_len * stride
    shifted = []
    for block in range(blocks):
        piece = patches[:, :, block * width : (block + 1) * width]
        shifted.append(tf.pad(piece, [[0, 0], [block, blocks - 1 - block], [0, width - piece.shape[2]]]))
    total = (outputs + blocks - 1) * stride
    x = tf.reshape(tf.add_n(shifted), [-1, total, width // stride])
    x = x[:, before : before + length]
    return tf.pad(x, [[0, 0], [0, max(before + length - total, 0)], [0, 0]])
