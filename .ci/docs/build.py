"""Builds the documentation as a site with pdoc: ``python .ci/docs/build.py build/docs``.

Each room that users touch has a page. Its guide, the README.md in its folder, comes first, then the public names that
live there. The guides are written for the code host, so their links are made to fit the site.

It fails, and says where, on a public name without a docstring, on a link that leads nowhere (to a page, a file or an
anchor, in the site and in the Markdown files), and on whatever pdoc warns about.
"""

from __future__ import annotations

import enum
import importlib
import importlib.util
import inspect
import pkgutil
import re
import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any, Final, get_args, get_type_hints, is_typeddict
from urllib.parse import unquote, urlsplit

import pdoc
import pdoc.doc
import pdoc.doc_ast
import pdoc.render
import pdoc.render_helpers
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

import clickasync
from clickasync.options import OPTIONS

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = Path(clickasync.__file__).parent

IMPORTED_BY_THEIR_OWN_NAME: Final = (
    "blocking",
    "callbacks",
    "campaigns",
    "numbers",
    "otel",
    "pins",
    "recipients",
    "simulator",
    "simulator.connect",
    "testing",
)
"""Modules whose names users import from there. All other public names are imported from clickasync."""
NOT_FOR_USERS: Final = "for the rooms of this package"
"""What the docstring says of a name that is public for other modules of the package, not for users."""
ATTRIBUTES_MAY_GO_WITHOUT: Final = ("clickasync.campaigns", "clickasync.simulator")
"""Pages on which a class's docstring may speak for its attributes."""


# -- what stands on which page


def find_pages() -> dict[str, list[str]]:
    """Each module that has a page, with the public names on it."""
    pages: dict[str, list[str]] = {"clickasync": []}
    for name in clickasync.__all__:
        if not name.startswith("__"):
            pages.setdefault(find_home(name), []).append(name)
    for short in IMPORTED_BY_THEIR_OWN_NAME:
        if importlib.util.find_spec(f"clickasync.{short}") is not None:
            module = importlib.import_module(f"clickasync.{short}")
            pages[module.__name__] = [name for name in module.__all__ if is_for_users(getattr(module, name))]
    for guide in PACKAGE.rglob("README.md"):
        pages.setdefault(module_of(guide.parent), [])
    return dict(sorted(pages.items()))


def is_for_users(value: object) -> bool:
    """Whether a public name is not only for other modules of the package."""
    return NOT_FOR_USERS not in " ".join((getattr(value, "__doc__", None) or "").split())


def find_home(name: str) -> str:
    """The module or package, right below clickasync, that a name of clickasync comes from."""
    value = getattr(clickasync, name)
    homes = [
        found.name
        for found in pkgutil.iter_modules(clickasync.__path__, "clickasync.")
        if not found.name.endswith("__main__")
        and name in getattr(module := importlib.import_module(found.name), "__all__", ())
        and getattr(module, name) is value
    ]
    made_in = str(getattr(value, "__module__", ""))
    return next((home for home in homes if f"{made_in}.".startswith(f"{home}.")), homes[0])


def module_of(folder: Path) -> str:
    """The package in a folder."""
    return ".".join(("clickasync", *folder.relative_to(PACKAGE).parts))


def prepare(module: ModuleType, names: list[str], pages: dict[str, list[str]]) -> None:
    """Make pdoc see the guide in place of the module's docstring, and the public names."""
    guide = PACKAGE.joinpath(*module.__name__.split(".")[1:], "README.md")
    text = inspect.getdoc(module) or ""
    if guide.exists():
        text = fit_links(guide, pages)
    elif names and module.__name__.removeprefix("clickasync.") not in IMPORTED_BY_THEIR_OWN_NAME:
        text = f"{text}\n\nThese names are imported from `clickasync`."
    if module is clickasync:
        text += "\n\n" + table_of_names(pages)
    module.__doc__ = text
    module.__all__ = names  # type: ignore[attr-defined]
    vars(module).update({name: getattr(module, name) for name in names})  # those that load when they are first used


def make_menu(pages: dict[str, list[str]]) -> dict[str, dict[str, str]]:
    """The pages by their headings in the menu, each with its title."""
    menu: dict[str, dict[str, str]] = {"Guides": {}, "Reference": {}}
    for page in pages:
        title = re.match(r"# ([^\n:]+)", importlib.import_module(page).__doc__ or "")
        menu["Guides" if title else "Reference"][page] = title[1].replace("`", "") if title else page
    return menu


def table_of_names(pages: dict[str, list[str]]) -> str:
    """Every public name, with the first sentence about it."""
    lines = ["## All names", ""]
    for page, names in pages.items():
        if not names:
            continue
        own = page.removeprefix("clickasync.") in IMPORTED_BY_THEIR_OWN_NAME
        lines += [
            f"### {'In' if own else 'Imported from `clickasync`; explained in'} `{page}`",
            "",
            "| | |",
            "|---|---|",
        ]
        module = importlib.import_module(page)
        documented = pdoc.doc.Module(module)
        for name in names:
            text = documented.members[name].docstring if name in documented.members else ""
            url = pdoc.render_helpers.relative_link("clickasync", page)
            lines.append(f"| [`{name}`]({url}#{name}) | {first_sentence(text)} |")
        lines.append("")
    return "\n".join(lines)


def first_sentence(docstring: str) -> str:
    """The first sentence of a docstring, as it fits into a table."""
    paragraph = " ".join(docstring.split("\n\n")[0].split()).replace("|", "\\|")
    return re.split(r"(?<=[.:;]) (?=[A-Z`(])", paragraph)[0].rstrip(":;").replace("``", "`")


# -- guides


def fit_links(guide: Path, pages: dict[str, list[str]]) -> str:
    """The text of a guide, its links to files and folders made links to pages."""
    here = module_of(guide.parent)

    def fit(found: re.Match[str]) -> str:
        link = urlsplit(found[2])
        target = (guide.parent / link.path).resolve()
        folder = target.parent if target.name == "README.md" else target
        if link.scheme or not link.path or not folder.is_relative_to(PACKAGE):
            return found[0]
        page = module_of(folder)
        if page not in pages:
            return found[0]
        anchor = f"#{link.fragment}" if link.fragment else ""
        return f"{found[1]}({pdoc.render_helpers.relative_link(here, page)}{anchor})"

    return re.sub(r"(\[[^\]]*\])\(([^)\s]+)\)", fit, guide.read_text(encoding="utf-8"))


# -- what pdoc cannot know


def explain(documented: pdoc.doc.Class) -> None:
    """Let a class say what stands in tables of this package, and not what attrs and enum make up."""
    cls = documented.obj
    for name, member in list(documented.members.items()):
        if isinstance(member, pdoc.doc.Function):
            explain_options(member)
        if not is_for_users(member.obj) or NOT_FOR_USERS in member.docstring:
            del documented.members[name]
        elif member.taken_from[1].startswith("_"):  # of a base class that is nobody's business
            member.taken_from = (documented.modulename, member.qualname)
        if member.name == "__init__" and member.docstring.startswith("Method generated by attrs"):
            member.docstring = ""
        if issubclass(cls, enum.Enum) and member.name in cls.__members__:
            value = cls[member.name]
            words = [getattr(value, name, "") for name in ("description", "comment")]
            assert isinstance(member, pdoc.doc.Variable)
            member.docstring = (
                member.docstring or ". ".join(word.rstrip(".") for word in words if word) or "No words known."
            )
            member.default_value = value.value
        elif is_typeddict(cls) and member.name in OPTIONS:
            assert isinstance(member, pdoc.doc.Variable)
            option = OPTIONS[member.name]
            member.annotation = get_type_hints(cls)[member.name]
            member.docstring = f"{option.meaning} {f'{option.range}.' if option.range else ''}"
    documented.bases = [base for base in documented.bases if not base[1].startswith("_")]
    if is_typeddict(cls):
        documented.docstring = documented.docstring.partition("\n\n")[0]


def explain_variable(variable: pdoc.doc.Variable, page: str) -> None:
    """Let a constant or an alias that a package shows have the docstring that it has in its own module."""
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{page}.") and not variable.docstring:
            variable.docstring = pdoc.doc_ast.walk_tree(module).var_docstrings.get(variable.name, "")


def explain_options(function: pdoc.doc.Function) -> None:
    """Show ``**options: SendOptions`` in place of what typing makes of ``Unpack[SendOptions]``."""
    for parameter in function.signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and get_args(parameter.annotation):
            parameter._annotation = get_args(parameter.annotation)[0]  # type: ignore[attr-defined]


def as_markdown(docstring: str) -> str:
    """What is no Markdown, made some: two colons before a block, and tables of reStructuredText."""
    paragraphs = re.sub(r"::(?=\n\n {4})", ":", docstring).split("\n\n")
    return "\n\n".join(textwrap.indent(each, "    ") if re.match("=+ +=", each) else each for each in paragraphs)


def link_public_names(pages: dict[str, list[str]]) -> None:
    """Let `Client.send` in a docstring be a link from every page, as it is from its own."""
    homes = {name: page for page, names in pages.items() for name in names}
    members = {page: pdoc.doc.Module.from_name(page) for page in pages}

    @pass_context
    def linkify(context: Context, code: str, namespace: str = "", shorten: bool = True) -> Markup:
        here = context["module"].modulename

        def link(found: re.Match[str]) -> str:
            name = found[1].removesuffix("()")
            home = homes.get(name.partition(".")[0])
            if home is None or members[home].get(name) is None:
                return found[0]
            return f'<a href="{pdoc.render_helpers.relative_link(here, home)}#{name}">{found[1]}</a>'

        linked = pdoc.render_helpers.linkify(context, code, namespace=namespace, shorten=shorten)
        return Markup(re.sub(r"(?<=<code>)([A-Za-z_][\w.]*(?:\(\))?)(?=</code>(?!</a>))", link, linked))  # noqa: S704

    @pass_context
    def to_markdown(context: Context, docstring: str) -> str:
        return pdoc.render_helpers.to_markdown_with_context(context, as_markdown(docstring))

    pdoc.render.env.filters |= {"linkify": linkify, "to_markdown": to_markdown}


# -- checks


def undocumented(modules: Iterable[pdoc.doc.Module]) -> Iterator[str]:
    """Public names, and public members of public classes, that have no docstring."""
    for module in modules:
        if not module.docstring:
            yield module.fullname
        for member in module.own_members:
            if not member.docstring:
                yield member.fullname
            for part in getattr(member, "own_members", ()):
                lenient = part.kind == "variable" and module.fullname.startswith(ATTRIBUTES_MAY_GO_WITHOUT)
                if not (part.name.startswith("_") or part.docstring or lenient):
                    yield part.fullname


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag leads to, and what leads to it."""
        for name, value in attrs:
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value or "")
            elif name in ("href", "src") and value:
                self.links.append(value)


def slug(heading: str) -> str:
    """The anchor of a heading, as the code host makes it."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


class Text(Page):
    """The links and the anchors of a Markdown file."""

    def __init__(self, text: str) -> None:
        super().__init__("")
        prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        self.links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "code", prose))
        self.anchors |= {slug(heading) for heading in re.findall(r"^#+ (.*)$", prose, re.MULTILINE)}


def broken_links(files: dict[Path, Page]) -> Iterator[str]:
    """Links of these files to files that are not there, and to anchors that they do not have."""
    for file, page in files.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.exists():
                yield f"{file}: {link}: there is no such file"
            elif parts.fragment and target in files and unquote(parts.fragment) not in files[target].anchors:
                yield f"{file}: {link}: there is no such anchor"


def markdown_files(root: Path) -> list[Path]:
    """The Markdown files of the project."""
    folders = [root / "clickasync", root / ".github"]
    return [*root.glob("*.md"), *(file for folder in folders for file in folder.rglob("*.md"))]


def build(site: Path) -> list[str]:
    """Build the site; gives what is wrong with it."""
    shutil.rmtree(site, ignore_errors=True)
    pages = find_pages()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Before Python 3.12, pdoc does not see where the members of a TypedDict come from.
        warnings.filterwarnings("ignore", "Cannot determine where clickasync.options.SendOptions")
        warnings.filterwarnings("ignore", r"Error parsing type annotation .*\._\w+:")  # nobody sees it
        warnings.filterwarnings(
            "ignore", r"Error parsing type annotation list\[.*'function'"
        )  # of a method called list
        for page in sorted(pages, key=len, reverse=True):  # clickasync comes last, with a table of all others
            prepare(importlib.import_module(page), pages[page], pages)
        modules = {page: pdoc.doc.Module.from_name(page) for page in pages}
        for module in modules.values():
            for member in module.own_members:
                if isinstance(member, pdoc.doc.Class):
                    explain(member)
                elif isinstance(member, pdoc.doc.Variable):
                    explain_variable(member, module.fullname)
        link_public_names(pages)
        write(site, modules, make_menu(pages))
    problems = [f"pdoc: {warning.message}" for warning in caught]
    problems += [f"{name} has no docstring" for name in undocumented(modules.values())]
    html = {file.resolve(): Page(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")}
    return problems + list(broken_links(html))


def write(site: Path, modules: dict[str, pdoc.doc.Module], menu: dict[str, dict[str, str]]) -> None:
    """Write the pages, and what the search needs."""
    pdoc.render.configure(
        docformat="google",
        footer_text=f"clickasync {clickasync.__version__}",
        show_source=False,
        template_directory=Path(__file__).parent,
    )
    pdoc.render.env.globals |= {"menu": menu, "page_link": pdoc.render_helpers.relative_link}
    files = {"index.html": pdoc.render.html_index(modules), "search.js": pdoc.render.search_index(modules)}
    files |= {f"{page.replace('.', '/')}.html": pdoc.render.html_module(modules[page], modules) for page in modules}
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Build the site into the folder that is given, and check it."""
    site = Path(arguments[0]).resolve()
    problems = build(site)
    texts: dict[Path, Any] = {file.resolve(): Text(file.read_text("utf-8")) for file in markdown_files(ROOT)}
    problems += broken_links(texts)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"{len(problems)} problems", file=sys.stderr)
        return 1
    print(f"{site / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
