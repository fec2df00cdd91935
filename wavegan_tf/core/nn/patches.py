"""Strided convolution, its adjoint and its kernel gradient as matrix products, for CPUs; see `convolution`.

Axes of images are [b, h, w, c], kernels [kh, kw, c_in, c_out], and padding is TensorFlow's "SAME". Two forms:

- patches: the inputs of each output are copied side by side, and one matrix product does the rest;
- blocks, over one axis: `stride` positions side by side are one with so many times the channels, on which the stride is
  one and the kernel `stride` times shorter. Nothing is copied but for the padding.
"""

from __future__ import annotations

import tensorflow as tf

Sizes = tuple[int, int]


def convolve_patches(x: tf.Tensor, kernel: tf.Tensor, strides: Sizes) -> tf.Tensor:
    """Convolution out of patches: [b, ceil(h / strides[0]), ceil(w / strides[1]), c_out]."""
    kh, kw, c_in, c_out = kernel.shape
    rows, columns = (-(-length // stride) for length, stride in zip(x.shape[1:3], strides, strict=True))
    product = tf.matmul(_patches_of_images(x, (kh, kw), strides), tf.reshape(kernel, [kh * kw * c_in, c_out]))
    return tf.reshape(product, [-1, rows, columns, c_out])


def spread_patches(y: tf.Tensor, kernel: tf.Tensor, strides: Sizes, size: Sizes) -> tf.Tensor:
    """Adjoint of the convolution: patches of the result by a product, and their sum [b, *size, c_in]."""
    kh, kw, c_in, c_out = kernel.shape
    rows, columns = y.shape[1:3]
    # As a batch of one, which another of TensorFlow's CPU kernels computes: for a single clip in a third of the time of
    # a plain product, which is slower on two threads than on one.
    y, kernel = tf.reshape(y, [1, -1, c_out]), tf.reshape(kernel, [1, kh * kw * c_in, c_out])
    product = tf.matmul(y, kernel, transpose_b=True)
    patches = tf.reshape(product, [-1, rows, columns, kh, kw * c_in])
    patches = tf.transpose(patches, [0, 1, 3, 2, 4])  # [b, rows, kh, columns, kw c_in]
    x = _overlap_add(tf.reshape(patches, [-1, rows, kh * columns * kw * c_in]), kh, strides[0], size[0])
    x = _overlap_add(tf.reshape(x, [-1, columns, kw * c_in]), kw, strides[1], size[1])
    return tf.reshape(x, [-1, *size, c_in])


def kernel_gradient_of_patches(x: tf.Tensor, dy: tf.Tensor, kernel_size: Sizes, strides: Sizes) -> tf.Tensor:
    """Kernel gradient out of patches: [kh, kw, c_in, c_out]."""
    c_in, c_out = x.shape[3], dy.shape[3]
    patches = _patches_of_images(x, kernel_size, strides)
    product = tf.matmul(patches, tf.reshape(dy, [-1, c_out]), transpose_a=True)
    return tf.reshape(product, [*kernel_size, c_in, c_out])


def convolve_blocks(x: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """Convolution over one axis out of blocks.

    Args:
      x: [b, length, c_in].
      kernel: [kernel_len, c_in, c_out].
      stride: of the convolution.

    Returns:
      [b, ceil(length / stride), c_out].
    """
    kernel_len, c_in, c_out = kernel.shape
    blocks = -(-kernel_len // stride)
    kernel = tf.pad(kernel, [[0, blocks * stride - kernel_len], [0, 0], [0, 0]])
    kernel = tf.reshape(kernel, [1, blocks, stride * c_in, c_out])
    return tf.squeeze(tf.nn.conv2d(_in_blocks(x, kernel_len, stride)[:, None], kernel, 1, "VALID"), 1)


def kernel_gradient_of_blocks(x: tf.Tensor, dy: tf.Tensor, kernel_len: int, stride: int) -> tf.Tensor:
    """Kernel gradient over one axis out of blocks: a product for each.

    Args:
      x: [b, length, c_in], input of the convolution.
      dy: [b, ceil(length / stride), c_out], gradient to its output.
      kernel_len: of the kernel.
      stride: of the convolution.

    Returns:
      [kernel_len, c_in, c_out].
    """
    c_in, c_out = x.shape[2], dy.shape[2]
    blocks = -(-kernel_len // stride)
    # Rows of all examples in one matrix, each example's filled up to one length with rows of dy that are zero: the rows
    # that meet at a tap then stand so many rows apart throughout, and a part of a matrix is not copied.
    x = tf.reshape(_in_blocks(x, kernel_len, stride), [-1, stride * c_in])
    dy = tf.reshape(tf.pad(dy, [[0, 0], [0, blocks - 1], [0, 0]]), [-1, c_out])
    rows = tf.shape(dy)[0] - (blocks - 1)
    products = []
    for block in range(blocks):
        width = min(stride, kernel_len - block * stride) * c_in
        products.append(tf.matmul(x[block : block + rows, :width], dy[:rows], transpose_a=True))
    return tf.reshape(tf.concat(products, axis=0), [kernel_len, c_in, c_out])


def _padding(length: int, kernel_len: int, stride: int) -> Sizes:
    """Outputs of a SAME convolution along one axis, and the zeros before its first input."""
    outputs = -(-length // stride)
    return outputs, max((outputs - 1) * stride + kernel_len - length, 0) // 2


def _in_blocks(x: tf.Tensor, kernel_len: int, stride: int) -> tf.Tensor:
    """Pads and puts `stride` positions side by side: [b, length, c] -> [b, outputs + taps - 1, stride * c].

    `taps` is the kernel's length in blocks; output i sees blocks i to i + taps - 1.
    """
    length, channels = x.shape[1:]
    outputs, before = _padding(length, kernel_len, stride)
    taps = -(-kernel_len // stride)
    total = (outputs + taps - 1) * stride
    x = tf.pad(x, [[0, 0], [before, max(total - length - before, 0)], [0, 0]])[:, :total]
    return tf.reshape(x, [-1, outputs + taps - 1, stride * channels])


def _patches_of_images(x: tf.Tensor, kernel_size: Sizes, strides: Sizes) -> tf.Tensor:
    """Inputs of each output: [b, h, w, c] -> [b * rows * columns, kh * kw * c]."""
    (kh, kw), (height, width, channels) = kernel_size, x.shape[1:]
    rows, columns = -(-height // strides[0]), -(-width // strides[1])
    patches = _patches(tf.reshape(x, [-1, width, channels]), kw, strides[1])
    patches = _patches(tf.reshape(patches, [-1, height, columns * kw * channels]), kh, strides[0])
    patches = tf.reshape(patches, [-1, rows, kh, columns, kw * channels])
    patches = tf.transpose(patches, [0, 1, 3, 2, 4])
    return tf.reshape(patches, [-1, kh * kw * channels])


def _patches(x: tf.Tensor, kernel_len: int, stride: int) -> tf.Tensor:
    """Inputs of each output along one axis: [b, length, c] -> [b, outputs, kernel_len * c]."""
    if kernel_len == stride == 1:
        return x
    outputs = -(-x.shape[1] // stride)
    taps = -(-kernel_len // stride)
    last = (kernel_len - (taps - 1) * stride) * x.shape[2]
    x = _in_blocks(x, kernel_len, stride)
    # One tensor for the size of all pieces: an index of each would be four operations instead of two.
    size = tf.constant([-1, outputs, -1])
    pieces = [tf.slice(x, [0, tap, 0], size) for tap in range(taps - 1)]
    pieces.append(tf.slice(x, [0, taps - 1, 0], [-1, outputs, last]))
    return tf.concat(pieces, axis=2)


def _overlap_add(patches: tf.Tensor, kernel_len: int, stride: int, length: int) -> tf.Tensor:
    """Adjoint of `_patches`: [b, outputs, kernel_len * c] -> [b, length, c]."""
    if kernel_len == stride == 1:
        return patches
    outputs, before = _padding(length, kernel_len, stride)
    blocks = -(-kernel_len // stride)
    width = patches.shape[2] // kernel_len * stride
    last = patches.shape[2] - (blocks - 1) * width
    shifted = [
        tf.pad(piece, [[0, 0], [block, blocks - 1 - block], [0, width - piece.shape[2]]])
        for block, piece in enumerate(tf.split(patches, [*[width] * (blocks - 1), last], axis=2))
    ]
    total = (outputs + blocks - 1) * stride
    x = tf.reshape(tf.add_n(shifted), [-1, total, width // stride])
    x = x[:, before : before + length]
    return tf.pad(x, [[0, 0], [0, max(before + length - total, 0)], [0, 0]])
