"""Strided convolution over two axes, its adjoint and its kernel gradient; over one axis, the other has length one.

The three are the partial derivatives of one trilinear form, so each one's gradients are the other two: with
`own_gradients`, derivatives of every order (the gradient penalty needs the second) stay within this file. On a CPU each
is computed in whichever of these equal forms is the fastest:

- TensorFlow's own convolution operations, near the machine's peak where images have many positions;
- patches and one matrix product (`patches`), where positions are few and weights many: TensorFlow's operations read all
  weights again for every image. The adjoint also where the image has so few channels that they fill no register;
- blocks (`patches`), for the convolution and the kernel gradient over one axis;
- for the adjoint at stride one, a convolution with the kernel turned round, up to three times as fast.

On a GPU it is always the first. Without `own_gradients` the derivatives are TensorFlow's: the same numbers, slower,
and nothing in the graph that a SavedModel cannot hold. Padding is TensorFlow's "SAME".
"""

from __future__ import annotations

import math

import tensorflow as tf

from wavegan_tf.core.nn import patches

# Up to so many outputs of an image, over one axis and over two, a product of patches is the faster form.
_FEW_OF_ONE_AXIS, _FEW = 64, 16
# TensorFlow's CPU kernels compute so few channels as slowly as a whole register of them, which patches win back where
# the other side has at least so many times the channels.
_THIN, _REGISTER = 4, 16
# How much longer a kernel may become for blocks.
_BLOCK_WASTE = 1.2

Sizes = tuple[int, int]


def conv2d(x: tf.Tensor, kernel: tf.Tensor, strides: Sizes, own_gradients: bool = True) -> tf.Tensor:
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
    y: tf.Tensor, kernel: tf.Tensor, strides: Sizes, size: tuple[int, int], own_gradients: bool = True
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


def conv2d_of_boxes(x: tf.Tensor, kernel: tf.Tensor, scale: Sizes, own_gradients: bool = True) -> tf.Tensor:
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
    return conv2d_transpose(x, _turned(_box_sums(kernel, scale)), scale, size, own_gradients)


def _turned(kernel: tf.Tensor) -> tf.Tensor:
    """The kernel turned round along both axes, [kh, kw, out, in]; slices with steps of -1 take twenty times as long."""
    return tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])


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


def conv2d_kernel_gradient(x: tf.Tensor, dy: tf.Tensor, kernel_size: tuple[int, int], strides: Sizes) -> tf.Tensor:
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


def add_bias(x: tf.Tensor, bias: tf.Tensor, own_gradients: bool = True) -> tf.Tensor:
    """Adds a bias [c] to every position of [b, h, w, c], as `tf.nn.bias_add`, which TensorFlow does in the convolution.

    TensorFlow also takes the bias's gradient within the kernel's, where there is `tf.nn.bias_add`'s own, and on a CPU
    that takes up to twice the time of both apart.
    """
    if not own_gradients:
        return tf.nn.bias_add(x, bias)

    @tf.custom_gradient
    def forward(x: tf.Tensor, bias: tf.Tensor):
        return tf.nn.bias_add(x, bias), lambda dy: (dy, tf.reduce_sum(dy, axis=[0, 1, 2]))

    return forward(x, bias)


def _on_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _as_patches(outputs: Sizes, strides: Sizes) -> bool:
    """True where a strided convolution has few outputs, and so many channels in these networks."""
    few = _FEW_OF_ONE_AXIS if outputs[0] == 1 else _FEW
    return max(strides) > 1 and math.prod(outputs) <= few and not _on_gpu()


def _as_blocks(x: tf.Tensor, kernel_size: Sizes, strides: Sizes) -> bool:
    """True for a strided convolution over one axis whose kernel is hardly shorter than the blocks that it fills."""
    (kh, kw), (_, stride) = kernel_size, strides
    fills = -(-kw // stride) * stride <= _BLOCK_WASTE * kw
    return kh == x.shape[1] == 1 < stride and fills and x.shape[3] > _THIN and not _on_gpu()


def _conv2d(x: tf.Tensor, kernel: tf.Tensor, strides: Sizes) -> tf.Tensor:
    rows, columns = (-(-length // stride) for length, stride in zip(x.shape[1:3], strides, strict=True))
    if _as_patches((rows, columns), strides):
        return patches.convolve_patches(x, kernel, strides)
    if _as_blocks(x, tuple(kernel.shape[:2]), strides):
        y = patches.convolve_blocks(tf.squeeze(x, 1), tf.squeeze(kernel, 0), strides[1])
        return tf.expand_dims(y, 1)
    return tf.nn.conv2d(x, kernel, strides, "SAME")


def _conv2d_transpose(y: tf.Tensor, kernel: tf.Tensor, strides: Sizes, size: Sizes) -> tf.Tensor:
    kh, kw, c_in, c_out = kernel.shape
    if strides == (1, 1) and not _on_gpu():
        # An even kernel leaves SAME padding uneven, and its adjoint uneven the other way.
        padding = [[0, 0], [kh // 2, (kh - 1) // 2], [kw // 2, (kw - 1) // 2], [0, 0]]
        return tf.nn.conv2d(y, _turned(kernel), 1, padding)
    thin = c_in <= _THIN and _REGISTER * c_in <= c_out and max(strides) > 1 and not _on_gpu()
    if thin:
        # In float32, rounded once: in half precision each of the patches that overlap is, twice the error in the
        # generator's samples, and in TensorFlow's own form ten times on CPUs that do not multiply bfloat16.
        wide, wide_kernel = tf.cast(y, tf.float32), tf.cast(kernel, tf.float32)
        return tf.cast(patches.spread_patches(wide, wide_kernel, strides, size), y.dtype)
    if _as_patches(tuple(y.shape[1:3]), strides):
        return patches.spread_patches(y, kernel, strides, size)
    return tf.nn.conv2d_transpose(y, kernel, [tf.shape(y)[0], *size, c_in], strides, "SAME")


def _conv2d_kernel_gradient(x: tf.Tensor, dy: tf.Tensor, kernel_size: Sizes, strides: Sizes) -> tf.Tensor:
    (kh, kw), c_in, c_out = kernel_size, x.shape[3], dy.shape[3]
    if kh == kw == 1 and max(strides) > 1:
        # TensorFlow's CPU kernel crashes on some sizes.
        return _conv2d_kernel_gradient(x[:, :: strides[0], :: strides[1]], dy, kernel_size, (1, 1))
    if _as_patches(tuple(dy.shape[1:3]), strides):
        return patches.kernel_gradient_of_patches(x, dy, kernel_size, strides)
    if _as_blocks(x, kernel_size, strides):
        gradient = patches.kernel_gradient_of_blocks(tf.squeeze(x, 1), tf.squeeze(dy, 1), kw, strides[1])
        return tf.expand_dims(gradient, 0)
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x,
        filter_sizes=[kh, kw, c_in, c_out],
        out_backprop=dy,
        strides=[1, *strides, 1],
        padding="SAME",
    )
