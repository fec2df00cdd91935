"""Training a classifier: the stream of augmented batches, the best checkpoint, early stop, and the test."""

from __future__ import annotations

import contextlib
import os

import keras
import numpy as np
import tensorflow as tf

from eval.classifiers import augmentation
from eval.classifiers.labelled_audio import LabelledAudio
from eval.classifiers.labels import NO_FAMILY
from eval.classifiers.options import EPOCHS, RATES, FitOptions
from eval.classifiers.progress import Stopped, Watch, watched
from eval.classifiers.registry import Classifier, load_weights, save_weights
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.stop import Stop
from wavegan_tf.core.writing import EventFiles, Problems, writing

_SUMMARIES = "logs"
# Of the norms' moving averages. The original's 0.99 is for its 100 000 steps; here a few hundred must do.
_MOMENTUM = 0.9
# Scale of the log-mel classifier's last norm before training. Adam moves all 8192 weights of a class by one step size,
# which is too much at once for logits of features of unit variance, and right for the convolutions before them.
_LAST_SCALE = 0.1


def heads_loss(sizes: tuple[int, ...]):
    """Cross-entropy of logits [b, sum of sizes] and `batches`' truth, summed over heads, averaged over clips: [].

    Each clip counts by its weight, so that the mean over all clips of batches of any size is, head by head, the mean
    over the clips whose class is known.
    """

    def loss(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        classes, weights = tf.split(truth, 2, axis=1)
        total = tf.constant(0.0)
        for head, part in enumerate(tf.split(logits, sizes, axis=-1)):
            known = tf.maximum(tf.cast(classes[:, head], tf.int32), 0)
            errors = tf.nn.sparse_softmax_cross_entropy_with_logits(known, part)
            total += tf.reduce_mean(errors * weights[:, head])
        return total

    return loss


def known_weights(classes: np.ndarray) -> np.ndarray:
    """Weights float32 of classes [n, heads]: 0 for those not known (-1), equal for the others, 1 in the mean."""
    known = (classes != NO_FAMILY).astype(np.float64)
    return (known / np.maximum(known.mean(axis=0), 1 / len(known))).astype(np.float32)


def first_head_accuracy(size: int):
    """Share of right answers of the first head."""

    def accuracy(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        right = tf.argmax(logits[:, :size], axis=-1) == tf.cast(truth[:, 0], tf.int64)
        return tf.cast(right, tf.float32)

    return accuracy


def batches(
    audio: LabelledAudio, chosen: np.ndarray, classifier: Classifier, options: FitOptions, training: bool
) -> tf.data.Dataset:
    """Inputs of the network for the chosen clips, and the truth; shuffled and varied for training.

    The truth is float32 [b, 2 * heads]: the classes, -1 where one is not known, and behind them their weights among
    the chosen clips (`known_weights`).
    """
    augmented = training and options.augment
    num_classes = len(classifier.info.labels)
    lengths, classes = tf.constant(audio.lengths, tf.int64), tf.constant(audio.classes, tf.int64)
    weights = np.zeros(audio.classes.shape, np.float32)
    weights[chosen] = known_weights(audio.classes[chosen])

    @tf.autograph.experimental.do_not_convert
    def prepare(index: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        waves = tf.map_fn(audio.wave, index, fn_output_signature=tf.TensorSpec([classifier.info.clip_len], tf.float32))
        truth = tf.gather(classes, index)
        if augmented and classifier.info.task == "pitch":
            waves, pitches = augmentation.notes(waves, truth[:, 0], num_classes, seed)
            truth = tf.concat([pitches[:, None], truth[:, 1:]], axis=1)
        elif augmented and classifier.info.network == "log_mel":
            waves = augmentation.level_and_noise(waves, seed)
        elif augmented:
            waves = augmentation.speech(waves, tf.gather(lengths, index), seed)
        truth = tf.concat([tf.cast(truth, tf.float32), tf.gather(weights, index)], axis=1)
        return classifier.front_end(waves), truth

    data = tf.data.Dataset.from_tensor_slices(chosen.astype(np.int64))
    if training:
        data = data.shuffle(len(chosen), seed=options.seed, reshuffle_each_iteration=True)
    data = data.batch(options.batch_size, drop_remainder=training and len(chosen) >= options.batch_size)
    seeds = tf.data.Dataset.random(options.seed, rerandomize_each_iteration=True).batch(2)
    # Two batches at a time at the most: the features of a batch of notes are 64 MiB.
    return tf.data.Dataset.zip(data, seeds).map(prepare, num_parallel_calls=2).prefetch(1)


class _KeepBest(keras.callbacks.Callback):
    """Writes the weights after each epoch whose validation loss is the least so far."""

    def __init__(self, folder: str):
        super().__init__()
        self._folder, self._best = folder, np.inf

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Compares, and writes."""
        if logs["val_loss"] < self._best:
            self._best = logs["val_loss"]
            save_weights(self.model, self._folder)


class _Summaries(keras.callbacks.Callback):
    """Writes losses and accuracies of each epoch to TensorBoard, by the names that Keras's own callback gives them."""

    def __init__(self, folder: str, problems: Problems):
        super().__init__()
        self._train, self._validation = (EventFiles(os.path.join(folder, part)) for part in ("train", "validation"))
        self._problems = problems
        for part in ("train", "validation"):
            with problems.going_on(), writing(folder):
                os.makedirs(os.path.join(folder, part), exist_ok=True)

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """Writes."""
        rate = {"learning_rate": float(self.model.optimizer.learning_rate)}
        train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        validation = {name[4:]: value for name, value in logs.items() if name.startswith("val_")}
        for events, values in ((self._train, {**train, **rate}), (self._validation, validation)):
            with self._problems.going_on(), events.at(epoch):
                for name, value in values.items():
                    tf.summary.scalar(f"epoch_{name}", value)


def fit(
    classifier: Classifier,
    audio: LabelledAudio,
    train: np.ndarray,
    validation: np.ndarray,
    options: FitOptions,
    folder: str,
    stop: Stop,
    problems: Problems,
) -> dict[str, list[float]]:
    """Trains, and leaves the network with the weights of the epoch whose validation loss was least.

    Args:
      classifier: is trained in place.
      audio: the clips.
      train: indices of those to learn from.
      validation: indices of those to choose the epoch by.
      options: how.
      folder: gets the best weights whenever they are bettered, and TensorBoard's files.
      stop: entered by the caller; a signal ends training after the current batch, with the best of the epochs that are
        whole, as it was saved.
      problems: takes in what TensorBoard's files could not be written for.

    Returns:
      Losses and accuracies after each epoch, by Keras's names; of none if a signal came in the first one.

    Raises:
      UserError: training did not come to the end of a single epoch, or the weights cannot be written.
    """
    info = classifier.info
    sizes = tuple(len(names) for names in (info.labels, info.families) if names)
    passes, patience = EPOCHS[info.network]
    passes, patience = options.max_epochs or passes, options.patience or patience
    for norm in classifier.network.norms:
        norm.momentum = _MOMENTUM
    if info.network == "log_mel":
        scale = classifier.network.norms[-1].gamma
        scale.assign(_LAST_SCALE * scale)
    initial = options.learning_rate or RATES[options.optimizer]
    rate = keras.optimizers.schedules.CosineDecay(initial, passes * max(1, len(train) // options.batch_size))
    optimizer = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[options.optimizer](rate)
    classifier.network.compile(optimizer, heads_loss(sizes), metrics=[first_head_accuracy(sizes[0])], jit_compile=False)
    watch = Watch(
        info.network, passes, (len(train), len(validation)), options.batch_size, options.train_time_limit_secs, stop
    )
    history = keras.callbacks.History()
    callbacks = [
        watch,
        _KeepBest(folder),
        keras.callbacks.EarlyStopping("val_loss", patience=patience),
        _Summaries(os.path.join(folder, _SUMMARIES), problems),
        history,
    ]
    with contextlib.suppress(Stopped), contextlib.closing(watch):
        classifier.network.fit(
            batches(audio, train, classifier, options, training=True),
            validation_data=batches(audio, validation, classifier, options, training=False),
            epochs=passes,
            callbacks=callbacks, shuffle=False, verbose=0,
        )  # fmt: skip
    if np.isfinite(history.history.get("val_loss", [])).any():
        load_weights(classifier.network, folder)
        if info.network == "log_mel" and not stop.received:
            with contextlib.suppress(Stopped):
                recalibrate(classifier, audio, train, options, stop)
                save_weights(classifier.network, folder)
        if stop.received:
            load_weights(classifier.network, folder)
    elif not stop.received:
        raise UserError(f"{folder}: no epoch came to a finite validation loss; train longer, or lower --learning_rate")
    return history.history


def recalibrate(
    classifier: Classifier, audio: LabelledAudio, train: np.ndarray, options: FitOptions, stop: Stop
) -> None:
    """Gives batch normalisation the averages over a whole epoch of training, in place of the moving ones.

    The last norm of the log-mel classifier has 8192 places, many of which are still in nearly all clips: what moving
    averages of a few hundred batches say of their variances is mostly chance.

    Raises:
      Stopped: a signal came before the end.
    """
    norms, label = classifier.network.norms, f"{classifier.name} averages of its norms:"
    data = batches(audio, train, classifier, options, training=True)
    for number, (features, _) in enumerate(watched(data, len(train), label, stop)):
        for norm in norms:
            norm.momentum = 1.0 - 1.0 / (number + 1)  # so the moving average becomes the mean of all batches
        classifier.network(features, training=True)
    for norm in norms:
        norm.momentum = _MOMENTUM


def answers(
    classifier: Classifier,
    audio: LabelledAudio,
    chosen: np.ndarray,
    options: FitOptions,
    stop: Stop,
    kind: str = "test",
) -> np.ndarray:
    """The classes [n, heads] that the network finds likeliest for the chosen clips.

    Raises:
      Stopped: a signal came before the end.
    """
    sizes = tuple(len(names) for names in (classifier.info.labels, classifier.info.families) if names)
    found = []
    data = batches(audio, chosen, classifier, options, training=False)
    for features, _ in watched(data, len(chosen), f"{classifier.name} {kind}:", stop):
        logits = np.split(classifier.network(features, training=False).numpy(), np.cumsum(sizes)[:-1], axis=-1)
        found.append(np.stack([np.argmax(part, axis=-1) for part in logits], axis=-1))
    return np.concatenate(found)
