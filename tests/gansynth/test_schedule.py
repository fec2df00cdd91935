"""The schedule against tables that the original's functions printed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from gansynth_tf import schedule
from gansynth_tf.progressive import discriminator_alpha, generator_alpha
from tests.originals import GOLDENS

TABLES = json.loads((GOLDENS / "gansynth" / "schedule.json").read_text())
CONFIGURATIONS = [name for name in TABLES if "settings" in TABLES[name]]


def training_schedule(settings, **more):
    resolutions = schedule.ResolutionSchedule(
        (settings["start_height"], settings["start_width"]),
        settings["scale_base"],
        settings["num_resolutions"],
        settings["scale_mode"],
    )
    return schedule.TrainingSchedule(
        resolutions=resolutions,
        batch_sizes=settings["batch_size_schedule"],
        stable_images=settings["stable_stage_num_images"],
        transition_images=settings["transition_stage_num_images"],
        total_images=settings["total_num_images"],
        **more,
    )


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_stages_and_sizes_are_the_originals(name):
    table = TABLES[name]
    settings = table["settings"]
    plan = training_schedule(settings)
    assert plan.num_stages == table["total_num_stages"]
    for row, directory in zip(table["stages"], table["stage_dir_names"], strict=True):
        stage = plan.stage(row["stage_id"])
        assert (stage.num_blocks, stage.end_image, stage.batch_size) == (
            row["num_blocks"], row["num_images"], row["batch_size"]
        )  # fmt: skip
        assert stage.directory == directory
    assert list(plan.resolutions.resolutions(1)) == table["start_resolutions"]
    assert list(plan.resolutions.final_resolutions) == table["final_resolutions"]
    for block, factor in table["scale_factor"].items():
        assert plan.resolutions.scales(int(block)) == (factor, factor)
    for block, filters in table["num_filters"].items():
        sizes = [settings[key] for key in ("fmap_base", "fmap_decay", "fmap_max")]
        assert schedule.num_filters(int(block), *sizes) == filters
    for blocks, images in table["min_total_num_images"].items():
        counts = settings["stable_stage_num_images"], settings["transition_stage_num_images"]
        assert schedule.min_total_num_images(*counts, int(blocks)) == images


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_progress_is_the_originals_to_the_last_bit(name):
    plan = training_schedule(TABLES[name]["settings"])
    for table in TABLES[name]["compute_progress"]:
        for image_id, expected in zip(table["image_ids"], table["progress"], strict=True):
            found = plan.progress(table["num_blocks"], image_id, train_time=123.0)
            assert found.dtype == np.float32 and found == np.float32(expected)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_progress_by_the_clock_is_the_originals(name):
    table = TABLES[name]["compute_progress_from_time"]
    plan = training_schedule(
        TABLES[name]["settings"],
        time_limit=table["train_time_limit"],
        time_multiplier=table["train_time_stage_multiplier"],
    )
    times = [plan.end_time(stage) for stage in range(plan.num_stages)]
    np.testing.assert_allclose(times, table["stage_times"], rtol=1e-6)
    for blocks, expected in table["progress"].items():
        found = [plan.progress(int(blocks), 0, time) for time in table["train_times"]]
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_weights_of_the_fade_in_are_the_originals(name):
    table = TABLES[name]["alpha"]
    for kind, alpha in (("generator", generator_alpha), ("discriminator", discriminator_alpha)):
        for block, expected in table[f"{kind}_alpha"].items():
            found = [float(alpha(int(block), progress)) for progress in table["progress"]]
            np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_batch_sizes_are_filled_up_in_front():
    for row in TABLES["get_batch_size_samples"]:
        plan = schedule.TrainingSchedule(
            resolutions=schedule.ResolutionSchedule(num_resolutions=row["num_resolutions"]),
            batch_sizes=row["batch_size_schedule"],
            stable_images=1,
            transition_images=1,
            total_images=100,
        )
        assert [plan.stage(i).batch_size for i in range(plan.num_stages)] == row["batch_sizes"]


@pytest.mark.parametrize("base", [2, 3])
def test_scale_mode_h_leaves_the_second_axis(base):
    sizes = schedule.ResolutionSchedule((3, 8), base, 4, "H")
    assert sizes.final_resolutions == (3 * base**3, 8)
    assert sizes.scales(2) == (base**2, 1) and sizes.resolutions(2) == (3 * base, 8)
    both = schedule.ResolutionSchedule((3, 8), base, 4, "ALL")
    assert both.final_resolutions == (3 * base**3, 8 * base**3)
    for block in range(1, 5):
        assert math.prod(both.resolutions(block)) * math.prod(both.scales(block)) == math.prod(both.final_resolutions)


def test_what_does_not_exist_is_refused():
    plan = training_schedule(TABLES["mel_prog_hires"]["settings"])
    for stage_id in (-1, 13):
        with pytest.raises(ValueError, match=f"stage_id={stage_id}: must be from 0 to 12"):
            plan.stage(stage_id)
    for block_id in (0, 8):
        with pytest.raises(ValueError, match=f"block_id={block_id}: must be from 1 to 7"):
            plan.resolutions.scales(block_id)
