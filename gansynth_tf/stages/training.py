"""Progressive training, stage after stage: growing, carrying over, stopping, and going on where a run stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import os
import time
from concurrent.futures import Future

import numpy as np
import tensorflow as tf
from absl import logging

from gansynth_tf.config import CONFIG_FILE, DIRECTORY_KEY, MODEL, GANSynthConfig
from gansynth_tf.losses import GANSynthLosses, consistency_loss
from gansynth_tf.normalizer import Normalizer
from gansynth_tf.notes.loading import load_notes
from gansynth_tf.notes.stream import NoteStore, note_batches
from gansynth_tf.resolution import StageData
from gansynth_tf.schedule import Stage, TrainingSchedule, stage_ids
from gansynth_tf.stages import sizes
from gansynth_tf.stages.features import CACHE_FOLDER, make_features, normalizer_path, run_normalizer, stage_reader
from gansynth_tf.stages.model import StageModel
from gansynth_tf.stages.summaries import Rendering, StageSummaries, log_weights
from gansynth_tf.stages.updates import StageUpdates, check_batch_sizes
from wavegan_tf.core import messages
from wavegan_tf.core.errors import UserError, from_tensorflow
from wavegan_tf.core.options import save_options
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.stop import Stop
from wavegan_tf.core.training import loop, precision
from wavegan_tf.core.training.iterations import Rows
from wavegan_tf.core.training.runtime import Runtime, settings_given_back, start
from wavegan_tf.core.training.tracking import Tracker
from wavegan_tf.core.workers.cluster import digest
from wavegan_tf.core.writing import writing

_SHARED = f"all workers must see the same --{DIRECTORY_KEY}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Run:
    """Common values of all stages of a run."""

    config: GANSynthConfig
    directory: str
    runtime: Runtime
    schedule: TrainingSchedule
    store: NoteStore
    rendering: Rendering
    normalizer: Normalizer
    stop: Stop


def stages_to_train(config: GANSynthConfig, run_dir: str) -> list[Stage]:
    """The stages from the one that a run has come to (`get_stage_ids`); without growing, the last one alone."""
    schedule = config.schedule
    last = schedule.num_stages - 1
    if not config.train_progressive:
        return [dataclasses.replace(schedule.stage(last), end_image=config.total_num_images)]
    begun = max(stage_ids(run_dir), default=0)
    return [schedule.stage(stage_id) for stage_id in range(min(begun, last), last + 1)]


def train(config: GANSynthConfig, run_dir: str) -> int:
    """Trains until the last stage is over, or the options or a signal end it.

    Args:
      config: the run's options.
      run_dir: holds the stages to continue from, if any.

    Returns:
      The number of images that was reached.

    Raises:
      UserError: the data, a checkpoint or a value does not allow it, or training diverged.
    """
    sizes.require_memory(config)
    with messages.shown(), settings_given_back():
        run = start(config)
        with run.cluster.guard(), run.held_by_chief(run_dir, CONFIG_FILE, DIRECTORY_KEY):
            image_id = train_held(config, run_dir, run)
            run.cluster.leave()
    return image_id


@from_tensorflow()
def train_held(config: GANSynthConfig, run_dir: str, runtime: Runtime) -> int:
    """`train` in a directory that this process holds, with a runtime from `runtime.start`."""
    if config.train_time_limit is not None and runtime.workers > 1:
        raise UserError("--train_time_limit: several workers have no common clock; leave it out to count images")
    # Of all stages, as a later one would stop the run when it is reached.
    check_batch_sizes(stages_to_train(config, run_dir), runtime)
    runtime = runtime.without_xla_on_replicas(config.jit_compile, "the standard deviation over the batch")
    # It gives up on leaky ReLUs whose gradient has a gradient, and prints that as an error.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    precision.announce(runtime, sizes.convolutions(config))
    features = make_features(config)
    store = load_notes(config, os.path.join(run_dir, CACHE_FOLDER), config.num_channels)
    runtime.cluster.agree(store.facts)
    if runtime.is_chief and not os.path.exists(os.path.join(run_dir, CONFIG_FILE)):
        # Of a start that was killed before it became a run, perhaps on other notes.
        path = normalizer_path(config, run_dir)
        with writing(path), contextlib.suppress(FileNotFoundError):
            os.remove(path)
    normalizer = runtime.cluster.chief_first(
        lambda: run_normalizer(config, store, features, run_dir, is_chief=runtime.is_chief)
    )
    runtime.cluster.agree({"normaliser": digest(normalizer.scale, normalizer.offset)})
    tracker: Tracker | None = None
    with Stop(config.train_time_limit_secs) as stop:
        run = _Run(
            config=config,
            directory=run_dir,
            runtime=runtime,
            schedule=config.schedule,
            store=store,
            rendering=Rendering(features),
            normalizer=normalizer,
            stop=stop,
        )
        stages = stages_to_train(config, run_dir)
        runtime.cluster.agree({"stage to go on with": stages[0].stage_id}, _SHARED)
        for stage in stages:
            training = _StageTraining(run, stage)
            if tracker is None and runtime.is_chief:
                # Not before it is known that these options can be used: some of them cannot change later.
                save_options(config, os.path.join(run_dir, CONFIG_FILE), MODEL)
                tracker = Tracker(run_dir, training.image_id)
            is_over = training.run(tracker)
            image_id = training.image_id
            # What a stage held in memory must be gone before the next, larger one is built.
            del training
            gc.collect()
            if not is_over:
                break
    if tracker is not None:
        tracker.problems.check()
    if is_over:
        logging.info("training is over")
    return image_id


class _StageTraining:
    """One stage: its model, data and summaries."""

    def __init__(self, run: _Run, stage: Stage):
        config, runtime = run.config, run.runtime
        self._shared, self._stage = run, stage
        self._data = StageData(run.schedule.resolutions, stage.num_blocks, run.normalizer)
        with runtime.strategy.scope():
            self._model = StageModel(
                config, stage, config.num_pitches, run.directory, runtime.policy, runtime.loss_scaled
            )
        updates = StageUpdates(config, self._model, self._losses(), runtime, run.store.pitch_counts)
        self.image_id = self._model.restore()
        self._train_time = float(self._model.train_time.numpy())
        # The chief writes nothing before all have read.
        runtime.cluster.agree({f"image of the checkpoint of stage {stage.stage_id}": self.image_id}, _SHARED)
        cache_dir = os.path.join(run.directory, CACHE_FOLDER)
        self._batches = note_batches(
            run.store,
            stage_reader(config, run.store, run.rendering.features, self._data, cache_dir),
            batch_size=stage.batch_size,
            seed=config.seed,
            start_example=self.image_id,
            worker=runtime.worker,
            num_workers=runtime.workers,
        )
        self._coming: Future[Rows] | None = None
        self._real: tf.Tensor | None = None
        self._iterations = updates.iterations(self._batches, self.image_id)
        self._announce()

    def _losses(self) -> GANSynthLosses:
        run = self._shared
        is_last = self._stage.stage_id == run.schedule.num_stages - 1
        return GANSynthLosses(
            generator=self._model.generator,
            discriminator=self._model.discriminator,
            data=self._data,
            weights=run.config.loss_weights(),
            consistency=functools.partial(consistency_loss, run.rendering.features)
            if is_last and run.rendering.features.is_spectral
            else None,
            inner_scale=run.runtime.inner_scale,
        )

    def _announce(self) -> None:
        stage, model = self._stage, self._model
        counts = [sum(int(np.prod(v.shape)) for v in net.variables) for net in (model.generator, model.discriminator)]
        height, width = self._data.resolutions.resolutions(stage.num_blocks)
        logging.info(
            "stage %d of %d: %d x %d pixels, batches of %d, parameters: generator %s, discriminator %s; %s",
            stage.stage_id, self._shared.schedule.num_stages - 1, height, width, stage.batch_size,
            *(f"{count:,}" for count in counts), self._shared.runtime.description,
        )  # fmt: skip
        verb = "continuing" if model.checkpoints.last_saved is not None else "starting"
        logging.info("%s at image %d in %s", verb, self.image_id, os.path.join(self._shared.directory, stage.directory))

    def run(self, tracker: Tracker | None) -> bool:
        """Trains; returns whether the stage is over. `tracker` is None in workers that write nothing."""
        run, config, model = self._shared, self._shared.config, self._model
        summaries = None
        if tracker is not None:
            summaries = StageSummaries(config, run.directory, model, self._data, run.rendering, tracker)
            if model.checkpoints.last_saved is None:
                self._save(self.image_id, summaries, tracker)
        every, batch_size = config.save_summaries_num_images, self._stage.batch_size
        image_id = loop.run(
            config,
            step=self.image_id,
            stop=run.stop,
            is_end=self._is_end,
            iterate=self._iterate,
            room=lambda step: self._room(step, every),
            is_summary_due=lambda step: step // every > (step - batch_size) // every,
            summarize=lambda step, means: self._summarize(step, means, summaries, tracker),
            save=lambda step: self._save(step, summaries, tracker),
            progress=Progress(
                self.image_id,
                0 if config.train_time_limit else self._stage.end_image,
                label=f"stage {self._stage.stage_id} image",
                rate="images/s",
            ),
            cluster=run.runtime.cluster,
            step_size=batch_size,
        )
        self.image_id = image_id
        # The others go on once the chief has saved.
        run.runtime.cluster.barrier()
        return self._is_end(image_id)

    def _is_end(self, image_id: int) -> bool:
        if self._shared.config.train_time_limit is None:
            return image_id >= self._stage.end_image
        limit = self._shared.schedule.end_time(self._stage.stage_id)
        return limit is not None and self._train_time > limit

    def _room(self, image_id: int, summary_every: int) -> int:
        """See `loop.run`. The clock, by which progress may go, is read between calls, as weights to be logged are."""
        config, batch_size = self._shared.config, self._stage.batch_size
        if config.train_time_limit is not None or config.debug_hook:
            return 1
        images = min(self._stage.end_image - image_id, summary_every - image_id % summary_every)
        return -(-images // batch_size)

    def _progress(self, image_id: int) -> np.float32:
        return self._shared.config.progress(self._stage.num_blocks, image_id, self._train_time)

    def _iterate(self, image_id: int, count: int) -> Future[Rows]:
        started = time.monotonic()
        batch_size, config = self._stage.batch_size, self._shared.config
        progress = [self._progress(image_id + batch_size * number) for number in range(count)]
        rows = self._iterations(count, np.stack(progress))
        if config.debug_hook:
            log_weights(image_id, self._model)
        # A device may compute beside Python: its time is known once it has come to an end.
        (rows if config.train_time_limit is not None else self._coming or rows).result()
        self._coming = rows
        # Always: a run that counts images can go on by the clock.
        self._train_time += time.monotonic() - started
        return rows

    def _summarize(
        self, image_id: int, means: dict[str, float], summaries: StageSummaries | None, tracker: Tracker | None
    ) -> None:
        if summaries is None or tracker is None:
            return
        progress = self._progress(image_id)
        if self._real is None:  # always the first of the stage: a stream may have to bring its data for that
            self._real, _ = next(iter(self._batches.take(1)))
        shown = summaries.write(image_id, progress, self._real)
        times = {"train_time": self._train_time} if self._shared.config.train_time_limit else {}
        state = {"progress": float(progress), "stage_id": self._stage.stage_id, **times}
        tracker.scalars(image_id, {**means, **state, **shown})

    def _save(self, image_id: int, summaries: StageSummaries | None, tracker: Tracker | None) -> None:
        if summaries is None or tracker is None:
            return
        self._model.train_time.assign(self._train_time)
        self._model.save(image_id)
        with tracker.problems.going_on():
            summaries.preview(image_id, self._progress(image_id))
