"""`lets only`: some experiments of a params file, as a params file of their own."""

from typing import Annotated

import typer

from lets.cli.options import DEMO, ParamsFile


def only(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="experiments, tables or figures")],
    params: ParamsFile = DEMO,
    profile: Annotated[
        str, typer.Option(help="names its results and reports; default: the old one and the names")
    ] = "",
) -> None:
    """Write a params file with some experiments of another one, and the tables and figures they can make.

    Its runs are the same, in a folder of their own. The name of a table or figure stands for its experiments.

    Example: lets only table1 --params params/paper.yaml
    """
    from lets.commands import command
    from lets.errors import SpecError
    from lets.files import write_text
    from lets.project.cut import cut
    from lets.project.load import load_params

    smaller = cut(params, names, profile)
    path = params.parent / f"{smaller.profile}.yaml"
    if path.exists() and path.read_text(encoding="utf-8") != smaller.text:
        again = command("lets", "only", *names, "--params", params, "--profile", f"{smaller.profile}-2")
        raise SpecError(f"{path} – is there already and says something else – {again}")
    write_text(path, smaller.text)
    load_params(path)
    if smaller.dropped:
        print(f"without {', '.join(smaller.dropped)}, which need more experiments")
    print(f"{path}\n  {command('lets', 'plan', path)}")
    print(f"  {command('snakemake', '--cores', 'all', '--configfile', path)}")
