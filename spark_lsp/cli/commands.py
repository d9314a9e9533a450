"""The commands' names, options and help, and which module does the work: each is imported when it is run."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from spark_lsp import __version__

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Instant inline completions and code actions for any editor, from whatever backend is fastest.",
)
bench = typer.Typer(no_args_is_help=True, help="Measure, as ratios against a baseline in the same run.")
app.add_typer(bench, name="bench")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A settings file, over your own.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Reports = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write it, too: .html a page with plots, .svg its picture, .md, .json.",
    ),
]


@app.callback(invoke_without_command=True)
def server(
    context: typer.Context,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Serve over stdin and stdout; what editors do.")
    ] = False,
    tcp: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve several clients over TCP.")
    ] = None,
    ws: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve over WebSocket (extra: ws).")
    ] = None,
    config: ConfigFile = None,
    log_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Log here instead of to stderr.")
    ] = None,
    log_level: Annotated[
        str, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")
    ] = "warning",
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the session down, texts and all, for `spark-lsp replay`."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Without a command: the language server."""
    if context.invoked_subcommand is not None:
        # `spark-lsp --config FILE complete ...` means the same as naming it behind the command.
        named = {"config": config}
        context.default_map = {
            "demo": named,
            "complete": named,
            "fix": named,
            "doctor": named,
            "config": named,
            "replay": named,
            "bench": {"predictor": named, "quality": named},
        }
        return
    if version:
        print(__version__)
        return
    if not stdio and tcp is None and ws is None and sys.stdin.isatty():
        print(context.get_help())
        return
    from spark_lsp.cli.serve import serve

    raise typer.Exit(
        serve(tcp=tcp, ws=ws, config=config, log_file=log_file, log_level=log_level, record=record)
    )


@app.command()
def demo(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The file to type; default: our choice.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Type through a file with the real server and show what it offers."""
    from spark_lsp.cli.demo import run

    raise typer.Exit(asyncio.run(run(file, as_json=as_json, config=config)))


@app.command()
def complete(
    target: Annotated[str, typer.Argument(metavar="FILE:LINE:COL", help="Where: counted from 1.")],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Print the suggestion for one place in a file."""
    from spark_lsp.cli.complete import run

    raise typer.Exit(asyncio.run(run(target, as_json=as_json, config_file=config)))


@app.command()
def fix(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME|FILE",
            help="Who says what is wrong: ruff, pyright, mypy, tsc, ..., or a file: SARIF or a checker's "
            "output. Default: all of actions.verify.",
        ),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write the files; the old ones are kept.")] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Print a patch and write nothing: the default.")
    ] = False,
    verify: Annotated[
        str | None,
        typer.Option(metavar="CMD", help="A command that has to pass with each fix, such as 'pytest -q'."),
    ] = None,
    as_json: AsJson = False,
    sarif: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was found and its fixes as SARIF, too.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Fix what a checker finds, check each fix, and print a patch or write the files."""
    from spark_lsp.cli.fix import Options, run

    options = Options(source, apply, diff, verify, as_json, sarif, config)
    raise typer.Exit(asyncio.run(run(paths, options)))


@app.command()
def doctor(
    explain: Annotated[
        bool, typer.Option("--explain", help="Say whom the router would ask, in which order, and why.")
    ] = False,
    as_json: AsJson = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Measure those that cost money, too, without asking.")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep each answer, redacted, as a test for this folder."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Check every backend: is it there, may we use it, how fast is it, and what to do."""
    from spark_lsp.cli.doctor import run

    checking = run(explain=explain, as_json=as_json, yes=yes, record=record, config_file=config)
    raise typer.Exit(asyncio.run(checking))


@app.command()
def config(
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of the settings.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the settings page.")] = False,
    check: Annotated[Path | None, typer.Option(metavar="FILE", help="Say what is wrong with a file.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the settings in force.")] = False,
    sent: Annotated[
        str | None,
        typer.Option(
            metavar="FILE:LINE:COL", help="With --show: what would be sent from there, and to whom."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --sent: print one JSON object.")] = False,
    config: ConfigFile = None,
) -> None:
    """Print, check or explain the settings."""
    if sent is not None:
        from spark_lsp.cli.sent import run as run_sent

        raise typer.Exit(asyncio.run(run_sent(sent, as_json=as_json, config_file=config)))
    from spark_lsp.cli.config import run

    raise typer.Exit(run(schema=schema, markdown=markdown, check=check, show=show, config_file=config))


@app.command()
def replay(
    session: Annotated[Path, typer.Argument(metavar="SESSION", help="What `--record` wrote.")],
    as_json: AsJson = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="A settings file; your own are not used."),
    ] = None,
) -> None:
    """Run a recorded session against the server, and say what it answers differently."""
    from spark_lsp.cli.replay import run

    raise typer.Exit(asyncio.run(run(session, as_json=as_json, config_file=config)))


@app.command("fake-server")
def fake_server(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    ttft: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds to the first token.")] = 0.0,
    rate: Annotated[float, typer.Option(min=0, metavar="N", help="Tokens a second; 0 is at once.")] = 0.0,
    jitter: Annotated[float, typer.Option(min=0, metavar="S", help="How late an answer may be.")] = 0.0,
    faults: Annotated[
        str, typer.Option(metavar="SPEC", help="What fails, such as stall@0.1:mid,status503@0.05.")
    ] = "",
    limit: Annotated[
        str, typer.Option(metavar="N/S", help="Answer N requests in S seconds, the others get a 429.")
    ] = "",
    late: Annotated[
        str, typer.Option(metavar="SHARE:S", help="How many answers come later, and by how many seconds.")
    ] = "",
    oracle: Annotated[str, typer.Option(metavar="DIR", help="Continue from the files of this folder.")] = "",
    model: Annotated[str, typer.Option(help="Serve this name only.")] = "",
    slots: Annotated[int, typer.Option(min=0, help="Generations at a time; 0 is no limit.")] = 0,
    wrong: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="How much of what the oracle says is wrong.")
    ] = 0.0,
    edits: Annotated[
        str,
        typer.Option(metavar="MODE", help="Asked to change a file of the oracle: right, nearly, wrong, ..."),
    ] = "",
    seed: Annotated[
        int, typer.Option(help="Draws the jitter, the lateness, the faults and the mistakes.")
    ] = 0,
) -> None:
    """Serve scripted completions over HTTP, to test clients with."""
    from spark_lsp.cli.fake_server import serve

    raise typer.Exit(
        asyncio.run(
            serve(
                host=host,
                port=port,
                ttft=ttft,
                rate=rate,
                jitter=jitter,
                faults=faults,
                limit=limit,
                late=late,
                oracle=oracle,
                model=model,
                slots=slots,
                seed=seed,
                wrong=wrong,
                edits=edits,
            )
        )
    )


@bench.command()
def overhead(
    as_json: AsJson = False,
    baseline: Annotated[
        str | None, typer.Option(metavar="COMMAND", help="Another language server to measure beside ours.")
    ] = None,
) -> None:
    """What the server itself costs: a key answered from the cache, its start, its memory."""
    from spark_lsp.cli.bench_overhead import run

    raise typer.Exit(run(as_json=as_json, baseline=baseline))


@bench.command()
def predictor(
    project: Annotated[
        Path, typer.Option(metavar="PATH", help="A folder of code to learn and hold out from.")
    ],
    cases: Annotated[int, typer.Option(min=1, help="Held-out lines of each kind.")] = 300,
    seed: Annotated[int, typer.Option(help="Chooses the lines.")] = 0,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="The gate; default: as in the settings.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """How often the embedded predictor is exactly right, beside a plain longest match."""
    from spark_lsp.cli.bench_predictor import main
    from spark_lsp.cli.files import settings_in_force

    gate = settings_in_force(config, None).workspace.threshold if threshold is None else threshold
    raise typer.Exit(main(project, cases=cases, seed=seed, threshold=gate, as_json=as_json))


@bench.command()
def typing(
    as_json: AsJson = False,
    report: Reports = None,
    profile: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A backend to imitate; may be repeated.")
    ] = None,
    keys: Annotated[int, typer.Option(min=0, metavar="N", help="Keys of each session; 0 is enough.")] = 0,
    seed: Annotated[int, typer.Option(help="Chooses what is typed, and how.")] = 1,
    editor: Annotated[str, typer.Option(help="vscode, neovim or both.")] = "both",
    wrong: Annotated[
        float | None,
        typer.Option(min=0, max=0.99, metavar="SHARE", help="How often the model is mistaken; default 0.15."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="In a minute, less exact, and not all of it.")
    ] = False,
) -> None:
    """What a person waits for who types with us, beside one request for each key."""
    from spark_lsp.cli.bench_typing import Options, run
    from spark_lsp.cli.typing.profiles import EDITORS

    editors = tuple(EDITORS) if editor == "both" else (editor,)
    options = Options(tuple(profile or ()), editors, keys, seed, wrong, quick)
    raise typer.Exit(run(options, as_json=as_json, files=report or []))


@bench.command()
def routing(
    as_json: AsJson = False,
    report: Reports = None,
    seed: Annotated[int, typer.Option(help="Draws the speeds, the times and the luck.")] = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="In half a minute, less exact, and not all of it.")
    ] = False,
    simulate_only: Annotated[
        bool, typer.Option("--simulate-only", help="No servers: the simulator, and what a decision costs.")
    ] = False,
    requests: Annotated[
        int, typer.Option(min=0, metavar="N", help="Requests to the scripted fleet; 0 is 2,000.")
    ] = 0,
    simulated: Annotated[
        int, typer.Option(min=0, metavar="N", help="Requests in the simulator; 0 is 1,000,000.")
    ] = 0,
) -> None:
    """How fast we are on a fleet that drifts, stalls and dies, beside simpler ways and one that knows all."""
    from spark_lsp.cli.bench_routing import Options, run

    options = Options(seed, quick, simulate_only, requests, simulated)
    raise typer.Exit(run(options, as_json=as_json, files=report or []))


@bench.command()
def actions(
    as_json: AsJson = False,
    report: Reports = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="HumanEvalPack: python.jsonl.gz and js.jsonl.gz. Its tests are run."
        ),
    ] = None,
    problems: Annotated[
        int, typer.Option(min=0, metavar="N", help="Of each of its languages the first N; 0 is all.")
    ] = 0,
    faults: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The planted faults; default: those of this checkout.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Less exact, and with few of the faults.")] = False,
    config: ConfigFile = None,
) -> None:
    """How fast code actions are, and how right: with models that lie, and with that of the settings."""
    from spark_lsp.cli.bench_actions import Options, run

    options = Options(faults, data, problems, config, quick)
    raise typer.Exit(run(options, as_json=as_json, files=report or []))


@bench.command()
def quality(
    as_json: AsJson = False,
    report: Reports = None,
    model: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A model in GGUF to ask; may be repeated.")
    ] = None,
    backend: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A backend of the settings; may be repeated.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="human-eval-infilling's folder. Its tests are run.")
    ] = None,
    package: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="An installed package to hold out from; default: five of them."),
    ] = None,
    sample: Annotated[int, typer.Option(min=1, metavar="N", help="Cases of each kind.")] = 40,
    everything: Annotated[bool, typer.Option("--all", help="All cases: hours.")] = False,
    seed: Annotated[int, typer.Option(help="Chooses the packages, the cases and their holes.")] = 1,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Cases of this kind only; may be repeated.")
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="This way of asking only; may be repeated.")
    ] = None,
    dump: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the answers that are not right, as JSON lines.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """How often a model is right behind this server, beside the same model asked by a plain prompt."""
    from spark_lsp.cli.bench_quality import Options, run

    options = Options(
        data=data,
        packages=tuple(package or ()),
        models=tuple(model or ()),
        backends=tuple(backend or ()),
        config=config,
        sample=0 if everything else sample,
        seed=seed,
        kinds=tuple(kind or ()),
        policies=tuple(policy or ()),
    )
    raise typer.Exit(run(options, as_json=as_json, files=report or [], dump=dump))
