"""Every kind of bad input: one message with file, line, the wrong value, why, and what to paste."""
# ruff: noqa: E501 – a case is easier to read on one line

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from lets.config.params import Section
from lets.errors import SpecError
from lets.project.params import Tables
from lets.project.project import load_params

GOOD = (Path(__file__).parent / "params.yaml").read_text()


def refusal(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SpecError) as caught:
        load_params(path)
    assert caught.value.exit_code == 2
    return str(caught.value).removeprefix(f"{tmp_path}/")


def test_the_good_file_is_good(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    assert load_params(tmp_path / "good.yaml").profile == "test"


# (what stands in the good file, what is written instead, the line it stands on, the parts of the message)
CASES = {
    "unknown key": (
        "momentum: 0.9", "momentun: 0.9", 6,
        "training.optimizer.momentun is an unknown key – nothing reads it – write  momentum: 0.9",
    ),
    "unknown key without a near one": (
        "seeds: [0, 1]", "seeds: [0, 1]\nzzzz: 1", 3, "zzzz is an unknown key – nothing reads it – delete it",
    ),
    "missing key": (
        "  epochs: 2\n", "", 3, "training.epochs is missing – it has no default – add  epochs: 10  (see",
    ),
    "missing kind": (
        "    kind: curves\n", "", 34, "figures.figure2.kind is missing – it says which kind this is, and cost, curves, dots, pareto would fit – add  kind: cost",
    ),
    "word for a number": (
        "epochs: 2", "epochs: two", 4,
        "training.epochs is 'two' – YAML reads this as text, not as a number – write  epochs: 10",
    ),
    "float for a count": ("epochs: 2", "epochs: 2.5", 4, "training.epochs is 2.5 – Input should be a valid integer"),
    "truth for a count": ("epochs: 2", "epochs: yes", 4, "training.epochs is 'yes' – YAML reads this as text"),
    "quoted number": (
        "epochs: 2", "epochs: '2'", 4,
        "training.epochs is '2' – YAML reads this as text, not as a number – write  epochs: 2",
    ),
    "5e-4 is text in YAML": (
        "momentum: 0.9", "weight_decay: 5e-4", 6,
        "training.optimizer.weight_decay is '5e-4' – YAML reads this as text, not as a number – write  "
        "weight_decay: 0.0005",
    ),
    "5e-4 is text in a hyper-parameter too": (
        "rho_lr: 0.01", "rho_lr: 1e-4", 12,
        "methods.lets-sam.rho_lr is '1e-4' – rho_lr = '1e-4' is text, not a number; YAML reads 1.0e-4 as a number and 1e-4 "
        "as text – write  rho_lr: 0.0001",
    ),
    "text for true": ("  epochs: 2", "  compile: 'On '\n  epochs: 2", 4, "compile is 'On ' – YAML reads this as text, not as a truth value – write  compile: true"),
    "text for false": ("  epochs: 2", "  channels_last: 'No'\n  epochs: 2", 4, "write  channels_last: false"),
    "nearly true": ("  epochs: 2", "  compile: treu\n  epochs: 2", 4, "write  compile: true"),
    "a number for true": ("seeds: [0, 1]", "seeds: [0, 1]\nkeep_weights: 1", 3, "write  keep_weights: true"),
    "a number for false": ("seeds: [0, 1]", "seeds: [0, 1]\nkeep_weights: 0.0", 3, "write  keep_weights: false"),
    "true in a list": ("  epochs: 2", "  compile: ['yes']\n  epochs: 2", 4, "write  compile: true"),
    "text for true in a hyper-parameter": ("rho_lr: 0.01", "include_lr: 'TRUE'", 12, "write  include_lr: true"),
    "a number for false in a hyper-parameter": ("rho_lr: 0.01", "include_lr: 0", 12, "write  include_lr: false"),
    "a section as a number": ("  metric:", "  metric:\n    section: 4.1", 19, "write  section: §4.1"),
    "a section as text": ("  metric:", "  metric:\n    section: Sec. 3.3", 19, "want one of §3.3, §4.1, §4.2, §4.3, §4.4, §4.5, §4.6, §4.7, §4.8, §4.9 – write  section: §3.3"),
    "a section that the paper has not": ("  metric:", "  metric:\n    section: §9.9", 19, "'§9.9' – want one of §3.3, §4.1"),
    "impossible value": (
        "epochs: 2", "epochs: 0", 4, "training.epochs is 0 – Input should be greater than or equal to 1 – write  epochs: 1",
    ),
    "impossible momentum": ("momentum: 0.9", "momentum: 1.0", 6, "optimizer.momentum is 1.0 – Input should be less than"),
    "infinite rate": ("lr: 0.1", "lr: .inf", 6, "training.optimizer.lr is '.inf' – YAML reads this as text, not as a number – write  lr: 0.1"),
    "foreign setting of an optimizer": (
        "momentum: 0.9", "betas: [0.9, 0.99]", 6, "training.optimizer.betas is an unknown key – nothing reads it",
    ),
    "unknown optimizer": (
        "name: sgd", "name: adamm", 6,
        "training.optimizer.name is 'adamm' – want one of sgd, adam, adamw – write  name: adam",
    ),
    "unknown schedule": (
        "name: cosine", "name: cosin", 7, "training.schedule.name is 'cosin' – want one of constant, cosine",
    ),
    "gamma of another schedule": (
        "{name: cosine}", "{name: cosine, gamma: 0.9}", 7, "gamma belongs to the exponential schedule, not to 'cosine'",
    ),
    "nesterov without momentum": (
        "momentum: 0.9", "nesterov: true", 6, "nesterov needs a momentum above 0 – write  momentum: 0.9",
    ),
    "profile that would leave its folder": (
        "profile: test", "profile: ../test", 1, "profile is '../test' – a name is made of a-z, 0-9 and dashes – write  profile: test",
    ),
    "name with a blank": (
        "  clean:", "  Clean Data:", 14, "'Clean Data' – a name is made of a-z, 0-9 and dashes – rename it  clean-data",
    ),
    "no experiment": (
        GOOD[GOOD.index("experiments:\n") :], "experiments: {}", 13, "experiments is {} – Dictionary should have at least 1",
    ),
    "no method": ("methods: [lets-sam]", "methods: []", 21, "experiments.metric.methods is [] – List should have at least 1"),
    "negative seed": ("seeds: [0, 1]", "seeds: [0, -1]", 2, "seeds[1] is -1 – Input should be greater than or equal to 0"),
    "duplicate seed": (
        "seeds: [0, 1]", "seeds: [0, 0]", 2,
        "seeds[1] is 0 – duplicate – delete one of them",
    ),
    "duplicate run": (
        "[erm, sam, lets-sam]", "[erm, sam, erm]", 17,
        "experiments.clean.methods[2] is 'erm' – duplicate – delete one of them",
    ),
    "duplicate value of an axis": (
        "[validation-loss, gap, half-squared-gap]", "[gap, gap]", 22, "experiments.metric.vary.metric[1] is 'gap' – duplicate",
    ),
    "unknown method": (
        "[erm, sam, lets-sam]", "[erm, samm]", 17,
        "experiments.clean.methods[1] is 'samm' – there is no such method – write  sam",
    ),
    "unknown method with hyper-parameters": (
        "  lets-sam: {rho_lr: 0.01}", "  let-sam: {rho_lr: 0.01}", 12, "methods.let-sam is 'let-sam' – there is no such method – rename it  lets-sam",
    ),
    "unknown architecture": (
        "architectures: [resnet-small, vit-small]", "architectures: [resnet-smal]", 16,
        "experiments.clean.architectures[0] is 'resnet-smal' – no such architecture; did you mean resnet-small or",
    ),
    "unknown architecture with a training": (
        "  vit-small:\n    opt", "  vit-smal:\n    opt", 9, "architectures.vit-smal is 'vit-smal' – no such architecture",
    ),
    "unknown data set": (
        "    datasets: [digits]\n    architectures: [resnet-small, vit", "    datasets: [digit]\n    architectures: [resnet-small, vit",
        15, "experiments.clean.datasets[0] is 'digit' – no such data set; did you mean digits? – write  digits",
    ),
    "unknown noise": (
        "    methods: [erm, sam, lets-sam]", "    methods: [erm, sam, lets-sam]\n    noise: [symmetric-140]", 18,
        "experiments.clean.noise[0] is 'symmetric-140' – want clean, or symmetric- and a percentage, or one of human-",
    ),
    "unknown hyper-parameter": (
        "rho_lr: 0.01", "rho_l: 0.01", 12, "methods.lets-sam.rho_l is 0.01 – lets-sam has no hyper-parameter 'rho_l' (did",
    ),
    "foreign hyper-parameter": (
        "rho_lr: 0.01", "p: 0.5", 12, "methods.lets-sam.p is 0.5 – 'p' belongs to rst, lets-rst, not to lets-sam, which takes",
    ),
    "hyper-parameter that not every method of the axis takes": (
        "methods: [lets-sam]", "methods: [sam, lets-sam]", 22,
        "experiments.metric.vary.metric is 'validation-loss' – 'metric' belongs to",
    ),
    "negative radius": ("rho_lr: 0.01", "rho: -0.1", 12, "methods.lets-sam.rho is -0.1 – rho = -0.1 is below 0"),
    "negative radius in an experiment": (
        "    methods: [lets-sam]", "    methods: [lets-sam]\n    hyperparameters: {lets-sam: {rho: -1}}", 22,
        "experiments.metric.hyperparameters.lets-sam.rho is -1 – rho = -1.0 is below 0",
    ),
    "values that contradict each other": (
        "rho_lr: 0.01", "rho: 20.0", 12, "methods.lets-sam.rho is 20.0 – rho = 20.0 lies outside rho_bounds",
    ),
    "hyper-parameters nobody reads": (
        "    methods: [lets-sam]", "    methods: [lets-sam]\n    hyperparameters: {sam: {rho: 0.1}}", 22,
        "experiments.metric.hyperparameters.sam is 'sam' – this experiment does not run it – delete it",
    ),
    "a method's own seed": (
        "{rho_lr: 0.01}", "{rho_lr: 0.01}\n  rst: {seed: 3}", 13,
        "methods.rst.seed is 3 – a method's own seed follows from the run's – delete it: runs differ by their  seeds",
    ),
    "hyper-parameter of no type": (
        "rho_lr: 0.01", "rho_lr: {a: 1}", 12, "methods.lets-sam.rho_lr is {'a': 1} – want one of: boolean, integer, number",
    ),
    "dangling experiment": (
        "experiments: [metric]", "experiments: [metrics]", 30,
        "tables.table6.experiments[0] is 'metrics' – no such experiment – write  metric",
    ),
    "unknown field": (
        "rows: metric", "rows: metrik", 31, "tables.table6.rows is 'metrik' – no field of a run – write  rows: metric",
    ),
    "unknown field of a condition": (
        "where: {architecture", "where: {arch", 44, "figures.figure5.where.arch is 'arch' – no field of a run – delete it",
    ),
    "condition that no run meets": (
        "where: {architecture: [resnet-small]}", "where: {architecture: [wrn-small]}", 44,
        "figures.figure5.where.architecture[0] is 'wrn-small' – no run of it has this value – choose from: resnet-small, vit-",
    ),
    "unknown figure": (
        "kind: curves", "kind: curve", 35,
        "figures.figure2.kind is 'curve' – want one of sensitivity, curves, landscape, dots, cost, pareto, hypergradient, sharpness – write  kind: curves",
    ),
    "unknown metric": (
        "metric: generalization_gap", "metric: generalisation_gap", 39,
        "figures.figure2.metric is 'generalisation_gap' – want one of test_accuracy,",
    ),
    "even grid": (
        "    where: {architecture: [resnet-small]}", "    points: 20", 44,
        "figures.figure5.points is 20 – an even grid has no point at the trained weights – write  points: 21",
    ),
    "two grids for one landscape": (
        "stand_ins:", "  figure8: {kind: landscape, title: L, experiments: [clean], points: 11}\nstand_ins:", 45,
        "figures.figure8.points is 11 – figure5 shows the landscape of the same run, digits/clean/resnet-small/erm/seed-0-",
    ),
    "more samples than images": (
        "    where: {architecture: [resnet-small]}", "    samples: 1500", 44,
        "figures.figure5.samples is 1500 – Digits is measured on 1437 training images – write  samples: 1437",
    ),
    "groups that are not whole": (
        "    rows: metric\n    columns: [dataset]", "    kind: sharpness\n    samples: 500", 32,
        "tables.table6.samples is 500 – they make no whole groups of 128 images – write  samples: 512",
    ),
    "more whole groups than images": (
        "    rows: metric\n    columns: [dataset]", "    kind: sharpness\n    samples: 1500\n    m: 100", 32,
        "tables.table6.samples is 1500 – Digits is measured on 1437 training images – write  samples: 1400",
    ),
    "radii that do not increase": (
        "    rows: metric\n    columns: [dataset]", "    kind: sharpness\n    radii: [0.1, 0.05, 0.1]", 32,
        "tables.table6.radii is [0.1, 0.05, 0.1] – radii that do not increase – write  radii: [0.05, 0.1]",
    ),
    "a radius twice": (
        "    rows: metric\n    columns: [dataset]", "    kind: sharpness\n    radii: [0.05, 0.1, 0.1]", 32,
        "tables.table6.radii is [0.05, 0.1, 0.1] – radii that do not increase – write  radii: [0.05, 0.1]",
    ),
    "a trace of one probe": (
        "    rows: metric\n    columns: [dataset]", "    kind: sharpness\n    probes: 1", 32,
        "tables.table6.probes is 1 – Input should be greater than or equal to 2",
    ),
    "two sets of radii for one sharpness": (
        "    rows: metric\n    columns: [dataset]\nfigures:",
        "    kind: sharpness\n    radii: [0.1]\nfigures:\n"
        "  sharp: {kind: sharpness, title: S, experiments: [metric], radii: [0.2]}",
        34,
        "figures.sharp.radii is [0.2] – table6 shows the sharpness of the same run, digits/clean/resnet-small/lets-sam/seed-0-",
    ),
    "unknown kind of table": (
        "    rows: metric", "    kind: hypergradients", 31,
        "tables.table6.kind is 'hypergradients' – want one of pivot, comparison, ranking, published, starts, baselines, hypergradient, sharpness – write  kind: hypergradient",
    ),
    "hyper-gradient without its interval": (
        "    rows: metric\n    columns: [dataset]", "    kind: hypergradient", 28,
        "tables.table6.every is missing – it has no default – add  every: 100",
    ),
    "hyper-gradient of a fixed radius": (
        "stand_ins:", "  hyper: {kind: hypergradient, title: H, experiments: [clean], every: 5}\nstand_ins:", 45,
        "figures.hyper.where.method is any – there is no hyper-gradient for erm, sam, whose radius is not learned – write  method: [lets-sam]",
    ),
    "two intervals for one hyper-gradient": (
        "    rows: metric\n    columns: [dataset]\nfigures:",
        "    kind: hypergradient\n    every: 4\nfigures:\n"
        "  hyper: {kind: hypergradient, title: H, experiments: [metric], every: 5}",
        34,
        "figures.hyper.every is 5 – table6 shows the hypergradient of the same run, digits/clean/resnet-small/lets-sam/seed-0-",
    ),
    "a pair that was not run": (
        "    kind: pivot\n    title: Test accuracy", "    kind: comparison\n    pairs: [[sam, erm], [lets-sam, asam]]\n    title: T", 26,
        "tables.table1.pairs[1][1] is 'asam' – no run of it has this method – choose from: erm, sam, lets-sam",
    ),
    "a pair of three": (
        "    kind: pivot\n    title: Test accuracy", "    kind: comparison\n    pairs: [[sam, erm, lets-sam]]\n    title: T", 26,
        "tables.table1.pairs[0] is ['sam', 'erm', 'lets-sam'] – List should have at most 2 items",
    ),
    "nothing to compare": (
        "    rows: metric\n    columns: [dataset]", "    kind: comparison", 28,
        "tables.table6.pairs is missing – there is no lets-X beside its X among lets-sam – choose",
    ),
    "a comparison of two trainings": (
        "    methods: [lets-sam]\n    vary: {metric: [validation-loss, gap, half-squared-gap]}\n"
        "tables:\n  table1:\n    kind: pivot\n    title: Test accuracy\n    experiments: [clean]",
        "    methods: [lets-asam, asam]\n    training: {epochs: 9}\n"
        "tables:\n  table1:\n    kind: comparison\n    pairs: [[asam, sam]]\n    title: T\n    experiments: [clean, metric]",
        28,
        "tables.table1.experiments is made of runs that cannot be compared – asam and sam of dataset digits, noise clean, "
        "architecture resnet-small differ in the epochs of their training too – select fewer experiments",
    ),
    "nothing to rank": (
        "    rows: metric\n    columns: [dataset]", "    kind: ranking", 28,
        "tables.table6 is of lets-sam alone – one method has no rank – choose other experiments",
    ),
    "a reference that is not ranked": (
        "    kind: pivot\n    title: Test accuracy", "    kind: ranking\n    reference: asam\n    title: T", 26,
        "tables.table1.reference is 'asam' – it is not ranked, erm, sam, lets-sam are – write  reference: sam",
    ),
    "a ranking of two trainings": (
        "    methods: [lets-sam]\n    vary: {metric: [validation-loss, gap, half-squared-gap]}\n"
        "tables:\n  table1:\n    kind: pivot\n    title: Test accuracy\n    experiments: [clean]",
        "    methods: [lets-asam]\n    training: {batch_size: 9}\n"
        "tables:\n  table1:\n    kind: ranking\n    title: T\n    experiments: [clean, metric]",
        27,
        "erm and lets-asam of dataset digits, noise clean, architecture resnet-small differ in the batch_size of",
    ),
    "one name for a table and a figure": (
        "  figure2:", "  table1:", 34, "figures.table1 is 'table1' – a table has this name already – rename it  table1-figure",
    ),
    "axes that contradict each other": (
        "vary: {metric: [validation-loss, gap, half-squared-gap]}",
        "vary: {hessian: [diagonal, finite-difference], direction: [derivation, algorithm]}", 18,
        "experiments.metric is impossible – hessian='finite-difference' is a product along the perturbation",
    ),
    "stand-in for nothing": (
        "digits: cifar10", "digits: cifar", 46, "stand_ins.digits is 'cifar' – neither a data set nor an architecture – write  digits: cifar10",
    ),
    "key twice": ("seeds: [0, 1]", "seeds: [0, 1]\nseeds: [2]", 3, "key 'seeds' – duplicate, first on line 2 – delete one"),
    "nested key twice": (
        "  batch_size: 128", "  batch_size: 128\n  epochs: 3", 6, "key 'epochs' – duplicate, first on line 4 – delete one",
    ),
    "not YAML": ("seeds: [0, 1]", "seeds: [0, 1", 3, "not plain YAML – expected ',' or ']', but got '"),
    "a tag that would run code": (
        "profile: test", "profile: !!python/name:os.system test", 1, "not plain YAML – the tag",
    ),
    "an unhashable key": ("seeds: [0, 1]", "? [a]\n: 1\nseeds: [0]", 2, "not plain YAML – a key that is no text"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused_with_line_and_remedy(tmp_path: Path, case: str) -> None:
    there, instead, line, message = CASES[case]
    assert there in GOOD
    text = refusal(tmp_path, GOOD.replace(there, instead, 1))
    assert text.startswith(f"bad.yaml:{line}: "), text
    assert message in text
    assert len(text.splitlines()) == 1
    parts = text.split(" – ")
    assert len(parts) >= 3, text
    assert all(parts)


KINDS = {
    table["kind"]: (name, table)
    for file in ("demo", "cifar-memorise")
    for name, table in yaml.safe_load(Path(f"params/{file}.yaml").read_text())["tables"].items()
    if "kind" in table
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_without_its_kind_is_no_other_one(tmp_path: Path, kind: str) -> None:
    assert {*KINDS} == {one.model_fields["kind"].annotation.__args__[0] for one in get_args(Tables)} - {
        "pivot"
    }
    name, table = KINDS[kind]
    content = yaml.safe_load(GOOD)
    content["tables"] = {name: {key: value for key, value in table.items() if key != "kind"}}
    text = refusal(tmp_path, yaml.safe_dump(content))
    assert re.match(rf"bad\.yaml:\d+: tables\.{name}\.kind is missing – it says which kind this is", text)


def test_sections_are_those_that_make_claims() -> None:
    claims = yaml.safe_load(Path("params/claims.yaml").read_text())["claims"].values()
    assert {*get_args(Section)} == {claim["section"] for claim in claims}


def test_a_typo_in_a_key_that_must_be_there(tmp_path: Path) -> None:
    missing, unknown = refusal(tmp_path, GOOD.replace("epochs: 2", "epoch: 2")).splitlines()
    assert "bad.yaml:3: training.epochs is missing – it has no default – add  epochs: 10" in missing
    assert "bad.yaml:4: training.epoch is an unknown key – nothing reads it – write  epochs: 2" in unknown


def test_every_problem_is_named_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = refusal(tmp_path, GOOD.replace("epochs: 2", "epochs: 0").replace("momentum: 0.9", "momentum: 2.0"))
    assert [line.split(": ")[0] for line in text.splitlines()] == ["bad.yaml:4", f"{tmp_path}/bad.yaml:6"]


def test_many_problems_are_counted(tmp_path: Path) -> None:
    text = refusal(tmp_path, GOOD.replace("seeds: [0, 1]", f"seeds: {[-1] * 20}"))
    assert len(text.splitlines()) == 9
    assert text.endswith("… and 12 more")


def test_a_line_below_a_merge_key_is_found(tmp_path: Path) -> None:
    merged = GOOD.replace("  clean:", "  clean: &base").replace(
        "  metric:\n    datasets: [digits]", "  metric:\n    <<: *base\n    datasets: [digit]"
    )
    assert refusal(tmp_path, merged).startswith("bad.yaml:20: experiments.metric.datasets[0] is 'digit' – ")


@pytest.mark.parametrize("content", ["", "# nothing\n", "- a\n- b\n", "just text"])
def test_what_is_no_mapping(tmp_path: Path, content: str) -> None:
    assert re.match(
        r"bad\.yaml:1: not a params file – want keys such as  profile: demo – compare with params/demo\.yaml",
        refusal(tmp_path, content),
    )


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n\x00\x00", b"profile: \x00"])
def test_what_is_no_text(tmp_path: Path, content: bytes) -> None:
    assert re.match(
        r"bad\.yaml:1: not plain YAML – .+ – compare with params/demo\.yaml", refusal(tmp_path, content), re.S
    )


@pytest.mark.parametrize(
    "odd",
    [
        r"\u2066", r"\u061C", r"\u00AD", r"\uFEFF", r"\u2060", r"\U000E0041",  # of the category Cf
        r"\u034F", r"\u3164", r"\uFE0F",  # marks and letters without a shape
        r"\u2028", r"\r", r"\n", r"\t",
    ],
)  # fmt: skip
def test_what_a_reader_of_a_title_would_not_see(tmp_path: Path, odd: str) -> None:
    for there in ("title: Test accuracy", "profile: test"):
        key, value = there.split(": ")
        text = refusal(tmp_path, GOOD.replace(there, f'{key}: "{value[:2]}{odd}{value[2:]}"'))
        assert re.fullmatch(r"bad\.yaml:\d+: not plain YAML – the character '\\\S+', .* – .*", text), text


def test_a_title_of_several_lines(tmp_path: Path) -> None:
    folded = GOOD.replace("title: Test accuracy", "title: >-\n      Test\n      accuracy")
    (tmp_path / "folded.yaml").write_text(folded)
    assert load_params(tmp_path / "folded.yaml").tables["table1"].title == "Test accuracy"
    assert "one line of text" in refusal(tmp_path, folded.replace(">-", "|"))


@pytest.mark.parametrize(
    "title", ["Größe ± 1 σ, №\u00a07", "精度 (%)", "naïve — “gap” ≤ 0", "e\u0301", "دقة"]
)
def test_any_letters_may_stand_in_a_title(tmp_path: Path, title: str) -> None:
    (tmp_path / "title.yaml").write_text(GOOD.replace("Test accuracy", title))
    assert load_params(tmp_path / "title.yaml").tables["table1"].title == title


def test_an_alias_that_contains_itself(tmp_path: Path) -> None:
    assert "an alias that contains itself – delete *a" in refusal(tmp_path, "profile: &a [*a]\n")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"no\.yaml – cannot be read \(No such file or directory\) – name a params file"
    ):
        load_params(tmp_path / "no.yaml")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"cannot be read \(Is a directory\) – name a params file"):
        load_params(tmp_path)
