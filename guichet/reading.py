"""Commands about how messages are read, sorted and rehearsed."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from guichet.commands import Json, addresses, app, ask, settings_or_exit


@app.command()
def explain(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Raw messages; without any, one path a line on stdin.")
    ] = None,
    channel: Annotated[
        str, typer.Option(help="The channel whose raw messages these are; by default the first one.")
    ] = "",
    json: Json = False,
) -> None:
    """Show how a raw message is read and triaged, and why, without storing anything."""
    from workers.explain import run

    settings = settings_or_exit()
    run(settings, paths or [], channel=channel or next(iter(settings.channels)), json=json)


@app.command()
def train(
    file: Annotated[
        Path | None, typer.Option("--from", help="Labelled messages, CSV or JSON lines with text and label.")
    ] = None,
    test: Annotated[Path | None, typer.Option(help="Labelled messages to compare on, never learnt from.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the model goes; by default it is put in force.")] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Learn without the seed set.")] = False,
    json: Json = False,
) -> None:
    """Learn categories from agents' corrections. Exit status 1 where the model in force sorts better, and stays."""
    from workers import examples
    from workers import train as training
    from workers.rules import RulesError

    try:
        given = examples.read(file) if file else []
        corrected = given if file else ask(training.corrections)
        report = training.train(
            settings_or_exit(), corrected, test=examples.read(test) if test else [], alone=alone, out=out
        )
    except (examples.ExamplesError, training.TrainingError, RulesError) as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
    training.show(report, json=json)
    sys.exit(0 if report.written else 1)


@app.command()
def simulate(
    rate: Annotated[float, typer.Option(help="Messages a second.")] = 20,
    seconds: Annotated[float, typer.Option(help="For how long.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed sends the same messages.")] = 1,
    forms: Annotated[float, typer.Option(help="Share of forms among them, 0 to 1.")] = 0.1,
    lines: Annotated[
        float, typer.Option(help="Share of short lines, where a provider's stand-in runs on this machine, 0 to 1.")
    ] = 0.2,
    history: Annotated[
        str, typer.Option(help="Instead: fill an empty desk with so many days of a believable past, 90d for instance.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="With --history: though there are tickets already.")] = False,
) -> None:
    """Play customers who write French and English mails, forms and lines, through the real doors; then sum up."""
    from gateway.simulate import run
    from guichet import figures

    if history:
        figures.history(history, seed=seed, force=force)
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = settings_or_exit()
    database_url, _redis_url = addresses(settings)
    sys.exit(asyncio.run(run(settings, database_url, rate=rate, seconds=seconds, seed=seed, forms=forms, lines=lines)))
