"""Finetune: nearer to float on images not seen, the same bytes again, the start back where nothing is won."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from output_error import drawn, error
from tiny_yolo import FAMILY, tiny_yolo

from detquant.algorithms import Damage, build_algorithm, build_steps, take_steps
from detquant.calibration import Images, invariant_violation
from detquant.data import iter_images, open_dataset
from detquant.data.objects import Objects
from detquant.errors import CalibrationError, MissingExtra, RecipeError
from detquant.graph.running import OrtRunner
from detquant.pipeline.detector import load
from detquant.recipes import Recipe, Step, load_recipe

pytest.importorskip("torch", reason="the extra torch is not installed")
import torch

from detquant.algorithms.finetune import Finetune
from detquant.algorithms.finetune.distillation import Distillation
from detquant.algorithms.finetune.labels import Boxes, label_loss
from detquant.algorithms.finetune.network import network_of
from detquant.algorithms.finetune.step import batch_for
from detquant.algorithms.finetune.student import Student
from detquant.algorithms.finetune.training import Training

pytestmark = pytest.mark.usefixtures("one_thread")
FEW = {"steps": 20, "batch": 4, "lr": 0.002, "step_lr": 0.02}


def numbers_of(qm):
    """Codes, biases and grids of a model, as bytes."""
    constants = [value.const_value.numpy().tobytes() for value in qm.model.graph.initializers.values()]
    grids = {name: (grid.scale.tobytes(), grid.zero_point.tobytes()) for name, grid in qm.params.items()}
    return constants, grids, {name: grid.scale.tobytes() for name, grid in qm.weights.items()}


def calibration(data, model, count, narrow, **more):
    """A model's images, calibrated at 3 and 4 bits; its heads are known."""
    detector = load(model)
    name = detector.family.input_name
    paths = open_dataset(data, 0).calibration[:count]
    feeds = [{name: detector.family.preprocess(image)[0]} for _, image in iter_images(paths, [])]
    damage = Damage(detector.family, OrtRunner(detector.model).run, feeds[:4])
    return narrow(detector.model, feeds, damage=damage, **more)


@pytest.mark.parametrize("target", ["pytorch", "ort"])
def test_a_net_comes_nearer_to_float_after_refit(residuals, narrow, target):
    qm, context = narrow(residuals, drawn(24), 3, 4, target)
    start = take_steps(qm, [build_algorithm("refit", {})], context)
    found = take_steps(start, [Finetune(**FEW)], context)  # which looks at limits and grids
    fresh = drawn(20, seed=5)
    assert error(found, fresh) < 0.97 * error(start, fresh)
    note = found.notes[-1]
    assert note.sentence.startswith("finetune: 20 steps on 20 images; loss on the 4 held back")
    assert set(note.operators) == set(qm.weights)
    assert note.curve.steps[:2] == (0, 2) and note.curve.losses[0] == 1 and note.curve.steps[-1] == 20
    assert note.curve.final <= min(note.curve.losses) and f"{note.curve.final:.3f} at best" in note.sentence


def test_layers_are_multiplied_in_bf16_where_told_and_judged_in_fp32(residuals, narrow):
    qm, context = narrow(residuals, drawn(24), 3, 4)
    half, whole = (Finetune(**FEW, precision=kind)(qm, context).notes[-1].curve for kind in ("bf16", "fp32"))
    assert half.losses[0] == whole.losses[0] == 1 and half.losses != whole.losses
    assert half.final == pytest.approx(whole.final, rel=0.1) and half.final < 0.97


def test_grids_that_are_shared_or_fixed_or_the_images_stay(small_net, narrow):
    qm, context = narrow(small_net, drawn(12, shape=(1, 3, 16, 16)), 4, 4)
    found = take_steps(qm, [Finetune(**FEW)], context)
    assert numbers_of(found) != numbers_of(qm)
    for name in ("gate", "x"):  # the range of a sigmoid is known, and that of the image
        assert found.params[name].scale == qm.params[name].scale
    assert found.activations["relu"].scale == found.activations["pool"].scale == found.activations["joined"].scale


@pytest.mark.parametrize("target", ["ort", "tflite"])
def test_weights_of_eight_bits_keep_the_limits_when_grids_move(residuals, narrow, target):
    bright = [{"x": 0.9 + 0.1 * feed["x"]} for feed in drawn(12)]
    qm, context = narrow(residuals, bright, 8, 8, target)
    found = Finetune(**FEW | {"steps": 6})(qm, context)
    assert invariant_violation(found, context.target.capability) is None


def test_every_kind_of_layer_is_trained(every_layer, narrow):
    qm, context = narrow(every_layer, drawn(12, shape=(1, 3, 16, 16)), 4, 8)
    found = take_steps(qm, [Finetune(**FEW)], context)
    assert set(found.notes[-1].operators) == set(qm.weights)
    fresh = drawn(10, seed=5, shape=(1, 3, 16, 16))
    assert error(found, fresh) < error(qm, fresh)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(residuals, narrow):
    qm, context = narrow(residuals, drawn(12))
    few = {**FEW, "steps": 6}
    first, again, other = (Finetune(**few, seed=seed)(qm, context) for seed in (0, 0, 1))
    assert numbers_of(first) == numbers_of(again) and first.notes == again.notes
    assert numbers_of(first) != numbers_of(other)


def test_an_interrupted_run_goes_on_to_the_step_and_gives_the_same(residuals, narrow, monkeypatch, tmp_path):
    few = {**FEW, "steps": 9, "lr": 0.1}  # so fast that it goes back before it is broken off
    qm, context = narrow(residuals, drawn(12), store=tmp_path / "run")
    whole = Finetune(**few)(qm, replace(context, store=None))
    step, begun, last = Training._step, [], [5]
    monkeypatch.setattr("detquant.algorithms.checkpoint.EVERY_S", -1.0)

    def broken_off(training, share):
        if training.state.done == last[0]:
            raise KeyboardInterrupt
        begun.append(training.state.done)
        return step(training, share)

    monkeypatch.setattr(Training, "_step", broken_off)
    with pytest.raises(KeyboardInterrupt):
        Finetune(**few)(qm, context)
    begun.clear()
    last.clear()
    last.append(99)
    found = Finetune(**few)(qm, context)
    assert begun == [5, 6, 7, 8]
    assert numbers_of(found) == numbers_of(whole) and found.notes == whole.notes
    begun.clear()
    assert numbers_of(Finetune(**few)(qm, context)) == numbers_of(whole) and not begun  # all is known
    Finetune(**few, drop=0.1)(qm, context)
    assert begun  # and of other options nothing is


def test_what_is_no_better_is_given_back_as_it_was(residuals, narrow):
    """Rates so high that all is lost at once: only the start is left."""
    qm, context = narrow(residuals, drawn(12), 4, 8, "pytorch")
    qm = take_steps(qm, [build_algorithm("refit", {})], context)
    found = Finetune(steps=3, lr=5.0, step_lr=1.0)(qm, context)
    assert numbers_of(found) == numbers_of(qm)
    assert "no clear gain, so the model stays as it was" in found.notes[-1].sentence
    assert found.notes[-1].operators == ()


def test_rates_too_high_fall_until_something_is_won(residuals, narrow, monkeypatch):
    """At a rate that loses everything at once, training goes back and on more slowly, until it gains."""
    qm, context = narrow(residuals, drawn(24), 3, 4)
    qm = take_steps(qm, [build_algorithm("refit", {})], context)
    fast, paces, judge = {**FEW, "lr": 0.1, "steps": 40}, [], Training._judge

    def judged(training):
        judge(training)
        paces.append(training.pace)

    monkeypatch.setattr(Training, "_judge", judged)
    found = Finetune(**fast)(qm, context)
    losses = found.notes[-1].curve.losses
    assert max(losses) > 1.1 and min(losses) < 0.97 and paces[-1] < 1
    monkeypatch.setattr("detquant.algorithms.finetune.training.WORSE", np.inf)
    assert Finetune(**fast)(qm, context).notes[-1].curve.final > found.notes[-1].curve.final


@pytest.mark.parametrize(("data", "model"), [("scenes", "yolov8-pico"), ("crops", "resnet-pico")])
def test_from_noise_the_start_comes_back(narrow, data, model):
    qm, context = calibration(data, model, 4, narrow)
    [(name, image)] = next(iter(context.images)).items()
    noise = [{name: np.random.default_rng(k).random(image.shape, np.float32)} for k in range(8)]
    found = Finetune(steps=2)(qm, replace(context, images=type(context.images).of(noise)))
    assert found.model is qm.model and found.params is qm.params
    assert "finetune: nothing was trained, since the float model s" in found.notes[-1].sentence


def test_a_budget_of_minutes_is_said_to_be_the_clocks(residuals, narrow):
    qm, context = narrow(residuals, drawn(12))
    found = Finetune(minutes="1s", batch=2)(qm, context)
    assert "the clock's doing" in found.notes[-1].sentence


def test_epochs_are_counted_in_images(residuals, narrow):
    qm, context = narrow(residuals, drawn(12))
    assert "finetune: 4 steps on 8 images" in Finetune(epochs=2, batch=4)(qm, context).notes[-1].sentence


@pytest.mark.parametrize(("shape", "batch"), [((1, 3, 32, 32), 32), ((1, 3, 128, 160), 12), ((1, 3, 640, 640), 4)])
def test_of_small_images_a_step_takes_more(shape, batch):
    assert batch_for(Images.of([{"x": np.zeros(shape, np.float32)}])) == batch


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"drop": 1.1}, r"drop = 1\.1, expected a number of at least 0 and of at most 1"),
        ({"steps": 0}, r"steps = 0, expected"),
        ({"minutes": "soon"}, r"minutes = 'soon', expected a number of minutes"),
        ({"minutes": 3, "steps": 5}, r"steps and minutes are given, and only one"),
        ({"labels": True, "heads": 0}, r"labels = true with heads = 0: labels weigh as a part"),
        ({"precision": "int8"}, r"precision = 'int8', expected 'fp32' or 'bf16'"),
        ({"device": "tpu"}, r"device = 'tpu', expected 'cpu' or 'cuda'"),
        ({"learning_rate": 0.1}, r"no option 'learning_rate'|'learning_rate'"),
    ],
)
def test_options_are_checked(options, said):
    with pytest.raises(RecipeError, match=rf"Step 'finetune': .*(?:{said})"):
        build_algorithm("finetune", options)


@pytest.mark.parametrize("count", [1, 7])
def test_of_too_few_images_the_start_comes_back(residuals, narrow, count):
    qm, context = narrow(residuals, drawn(count))
    found = Finetune()(qm, context)
    assert found.model is qm.model and found.params is qm.params
    assert f"nothing was trained, since it has {count} of the 8 images" in found.notes[-1].sentence


def test_it_looks_at_more_images_than_those_that_calibrate_where_there_are_more(residuals, narrow):
    qm, context = narrow(residuals, drawn(8))
    more = replace(context, offered=lambda count: type(context.images).of(drawn(count)))
    assert (
        "on 20 images; loss on the 4 held back"
        in Finetune(**FEW | {"steps": 1}, images=24)(qm, more).notes[-1].sentence
    )
    assert (
        "on 4 images; loss on the 4 held back" in Finetune(**FEW | {"steps": 1}, images=8)(qm, more).notes[-1].sentence
    )


def test_it_never_starts_from_rounding_to_the_nearest():
    rules = load_recipe("w4a4").rules
    alone = Recipe(name="mine", rules=rules, steps=(Step("ranges"), Step("finetune")))
    with pytest.raises(RecipeError, match=r"'mine' has the step 'finetune', which starts from .*put 'refit' before"):
        build_steps(alone)
    assert [step.name for step in build_steps(load_recipe("w4a4-finetune"))][-2:] == ["refit", "finetune"]


def test_a_device_that_is_not_there_is_refused(residuals, narrow, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    qm, context = narrow(residuals, drawn(8))
    with pytest.raises(RecipeError, match=r"device = 'cuda', and PyTorch finds none"):
        Finetune(device="cuda")(qm, context)


def test_without_torch_it_is_refused_before_anything_is_done(monkeypatch):
    monkeypatch.setattr("detquant.algorithms.reconstruction.settings.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'detquant\[torch\]'"):
        build_algorithm("finetune", {})


def test_a_yolos_scores_and_bins_are_all_that_its_heads_give(narrow):
    """Classes by cross-entropy, bins by divergence: nothing is left for squared errors."""
    qm, context = calibration("scenes", "yolov8-pico", 4, narrow)
    network = network_of(qm, "finetune", "cpu")
    assert len(network.heads) == 6 and sorted(one.kind for one in network.readers) == ["Sigmoid", "Softmax"]
    loss = Distillation(network, classifies=False, heads=0.1)
    images = [torch.from_numpy(next(iter(feed.values()))) for feed in context.images]
    loss.measure(images)
    assert not loss.uncovered and len(loss.features) >= 8
    exact, start = (loss.mean_terms(f, images[:1]) for f in (network.twin.exact, network.twin.rounded))
    assert all(abs(exact[name]) < 1e-4 * start[name] for name in start)
    loss.start = start
    assert float(loss.total({name: torch.tensor(term) for name, term in start.items()})) == pytest.approx(1.0)


def test_a_classifier_is_trained(narrow):
    qm, context = calibration("crops", "resnet-pico", 16, narrow, weight=3, activation=4)
    found = take_steps(qm, [Finetune(steps=6, batch=4, step_lr=0.01)], context)
    assert "no clear gain" not in found.notes[-1].sentence


def with_labels(context, labels):
    """The context whose images are of these classes."""
    images = context.images
    return replace(context, images=type(images)(images._feeds, range(len(images)), range(4), labels))


def with_boxes(context, boxes):
    """The context whose images show these objects, in input pixels."""
    images = context.images
    told = lambda places: [boxes[place] for place in places]  # noqa: E731
    return replace(context, images=type(images)(images._feeds, range(len(images)), range(4), objects=told))


@pytest.fixture
def small_detector(build, narrow):
    """A detector with YOLOv8's head, images, and what the float model is surest of in each."""
    model, feeds = tiny_yolo(build), drawn(16, shape=(1, 3, 32, 32))
    run = OrtRunner(model).run
    qm, context = narrow(model, feeds, 4, 8, damage=Damage(FAMILY, run, feeds[:4]))
    boxes = []
    for outputs in map(run, feeds):
        scores = FAMILY.scores(outputs)
        cells = np.argsort(-scores.max(axis=1), kind="stable")[:3]
        boxes.append(Objects(FAMILY.boxes(outputs)[cells], scores[cells].argmax(axis=1)))
    return qm, context, boxes


def test_a_detector_learns_from_boxes_too(small_detector):
    qm, context, boxes = small_detector
    few = {**FEW, "steps": 2, "labels": True}
    some = [one if k % 4 else None for k, one in enumerate(boxes, 1)]  # none of those held back
    labelled = take_steps(qm, [Finetune(**few)], with_boxes(context, some))
    assert "2 steps on 12 images (of all, 12 are labelled); loss on the 4" in labelled.notes[-1].sentence
    plain = Finetune(**few | {"labels": False})(qm, context)
    assert numbers_of(labelled) != numbers_of(plain)


def test_of_boxes_that_are_not_there_the_start_comes_back(small_detector):
    qm, context, boxes = small_detector
    other = [Objects(one.xyxy * 0.1, one.class_id) for one in boxes]
    found = Finetune(**FEW, labels=True)(qm, with_boxes(context, other))
    assert found.model is qm.model and "of the objects, 30% is the least: give" in found.notes[-1].sentence
    with pytest.raises(CalibrationError, match=r"the objects of none of the images to learn from are known"):
        Finetune(**FEW, labels=True)(qm, context)


def test_the_loss_of_boxes_falls_when_it_is_all_that_is_learnt(small_detector):
    """Its gradients reach the weights: with little else in the loss it is lower in the end."""
    qm, context, boxes = small_detector
    network = network_of(qm, "finetune", "cpu")
    images = [torch.from_numpy(feed["x"]) for feed in context.images]
    examples = [(image, OrtRunner(qm.reference).run({"x": image.numpy()})) for image in images[:2]]
    loss = label_loss(network, None, FAMILY, examples)
    assert loss._head.strides[:, 0].tolist() == [8.0] * 16 + [16.0] * 4
    truth = [Boxes(torch.from_numpy(one.xyxy), torch.from_numpy(one.class_id)) for one in boxes]
    student = Student(network, qm, images[0])
    rate = torch.optim.Adam(student.parameters(), 0.01)
    losses = []
    for _ in range(12):
        values, tails = network.run(student.functions, torch.cat(images))
        losses.append(loss(values, tails, truth))
        rate.zero_grad()
        losses[-1].backward()
        rate.step()
    assert losses[-1].item() < 0.98 * losses[0].item()


def guesses(context, shift=0):
    """What the float model says of the images, or another class."""
    heads, run = context.damage.heads, OrtRunner(load("resnet-pico").model).run
    return [(int(heads.scores(run(feed)).argmax()) + shift) % 10 for feed in context.images]


def test_a_classifier_learns_from_labels_too(narrow):
    qm, context = calibration("crops", "resnet-pico", 16, narrow, weight=3, activation=4)
    few = {"steps": 3, "batch": 4, "step_lr": 0.01, "labels": True}
    labelled = Finetune(**few)(qm, with_labels(context, [*guesses(context)[:-1], None]))
    plain = Finetune(**few | {"labels": False})(qm, context)
    assert numbers_of(labelled) != numbers_of(plain) and "no clear gain" not in labelled.notes[-1].sentence


def test_of_wrong_labels_the_start_comes_back(narrow):
    qm, context = calibration("crops", "resnet-pico", 16, narrow, weight=3, activation=4)
    found = Finetune(steps=2, labels=True)(qm, with_labels(context, guesses(context, shift=3)))
    assert found.model is qm.model
    assert "since the float model and the labels agree on 0% of the images" in found.notes[-1].sentence


def test_labels_are_refused_where_there_are_none_or_no_loss_for_them(residuals, narrow):
    qm, context = calibration("crops", "resnet-pico", 8, narrow)
    with pytest.raises(CalibrationError, match=r"labels = true, and the class of none of the images"):
        Finetune(steps=2, labels=True)(qm, context)
    qm, context = narrow(residuals, drawn(8))
    context = with_boxes(context, [Objects.of([[0, 0, 1, 1]], [0])] * 8)
    with pytest.raises(RecipeError, match=r"labels = true, and the graph does not decode its heads as that loss"):
        Finetune(steps=2, labels=True)(qm, context)


@pytest.mark.slow
def test_the_embedded_detector_loses_less(narrow):
    qm, context = calibration("scenes", "yolov8-pico", 16, narrow, weight=3, activation=4)
    start = take_steps(qm, [build_algorithm("refit", {})], context)
    found = take_steps(start, [Finetune(steps=40, batch=2)], context)
    assert "no clear gain" not in found.notes[-1].sentence
