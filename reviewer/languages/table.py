"""The table of languages. To add a language, add a row and a template under ``prompts/languages``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    Attributes:
        name: Key in ``LANGUAGES`` and stem of the prompt template, lower case.
        title: Name in prose.
        extensions: File name endings, lower case, with the dot.
        filenames: Whole file names, lower case; ``dockerfile`` also matches ``dockerfile.dev``.
        shebangs: Interpreter names of a ``#!`` line, without version and folder.
        line_comment: Start of a comment that ends with the line; None if the language has none.
        block_comment: Opening and closing token; None if the language has none.
        grammar: ``module:function`` of the tree-sitter grammar; None if none is packaged.
        tags: Other names for it on a fenced code block.
    """

    name: str
    title: str
    extensions: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()
    shebangs: tuple[str, ...] = ()
    line_comment: str | None = None
    block_comment: tuple[str, str] | None = None
    grammar: str | None = None
    tags: tuple[str, ...] = ()


_C_BLOCK = ("/*", "*/")
_MARKUP_BLOCK = ("<!--", "-->")

_c_like = partial(Language, line_comment="//", block_comment=_C_BLOCK)

ALL = (
    Language(
        "python",
        "Python",
        extensions=(".py", ".pyi", ".pyw"),
        filenames=("sconstruct", "sconscript", "wscript"),
        shebangs=("python", "pypy"),
        line_comment="#",
        grammar="tree_sitter_python:language",
        tags=("py", "python3", "pycon"),
    ),
    _c_like(
        "javascript",
        "JavaScript",
        extensions=(".js", ".mjs", ".cjs", ".jsx"),
        filenames=("jakefile",),
        shebangs=("node", "nodejs", "bun"),
        grammar="tree_sitter_javascript:language",
        tags=("js", "jsx", "node"),
    ),
    _c_like(
        "typescript",
        "TypeScript",
        extensions=(".ts", ".mts", ".cts"),
        shebangs=("deno", "ts-node", "tsx"),
        grammar="tree_sitter_typescript:language_typescript",
        tags=("ts",),
    ),
    # Separate because its grammar is: `<T>value` is a cast in TypeScript and an element in TSX.
    _c_like("tsx", "TypeScript JSX", extensions=(".tsx",), grammar="tree_sitter_typescript:language_tsx"),
    _c_like("go", "Go", extensions=(".go",), grammar="tree_sitter_go:language", tags=("golang",)),
    _c_like(
        "rust",
        "Rust",
        extensions=(".rs",),
        shebangs=("rust-script",),
        grammar="tree_sitter_rust:language",
        tags=("rs",),
    ),
    _c_like("java", "Java", extensions=(".java",), grammar="tree_sitter_java:language"),
    _c_like(
        "kotlin",
        "Kotlin",
        extensions=(".kt", ".kts"),
        shebangs=("kotlin", "kotlinc"),
        grammar="tree_sitter_kotlin:language",
        tags=("kt",),
    ),
    _c_like("c", "C", extensions=(".c", ".h"), grammar="tree_sitter_c:language"),
    _c_like(
        "cpp",
        "C++",
        extensions=(
            ".cc",
            ".cpp",
            ".cxx",
            ".c++",
            ".hh",
            ".hpp",
            ".hxx",
            ".h++",
            ".ipp",
            ".tpp",
            ".inl",
            ".cu",
            ".cuh",
        ),
        grammar="tree_sitter_cpp:language",
        tags=("c++", "cxx"),
    ),
    _c_like("csharp", "C#", extensions=(".cs", ".csx"), grammar="tree_sitter_c_sharp:language", tags=("c#", "cs")),
    Language(
        "ruby",
        "Ruby",
        extensions=(".rb", ".rake", ".gemspec", ".ru"),
        filenames=("gemfile", "rakefile", "vagrantfile", "podfile", "fastfile", "brewfile"),
        shebangs=("ruby", "jruby"),
        line_comment="#",
        block_comment=("=begin", "=end"),
        grammar="tree_sitter_ruby:language",
        tags=("rb",),
    ),
    _c_like(
        "php",
        "PHP",
        extensions=(".php", ".phtml", ".php5", ".php7"),
        shebangs=("php",),
        grammar="tree_sitter_php:language_php",
    ),
    _c_like("swift", "Swift", extensions=(".swift",), shebangs=("swift",)),
    Language(
        "shell",
        "shell",
        extensions=(".sh", ".bash", ".zsh", ".ksh", ".bats", ".ebuild"),
        filenames=(
            *(".bashrc", ".bash_profile", ".bash_aliases", ".profile", ".zshrc", ".zshenv", ".zprofile", ".envrc"),
            *("pkgbuild", "apkbuild"),
        ),
        shebangs=("sh", "bash", "dash", "zsh", "ksh", "ash", "bats"),
        line_comment="#",
        grammar="tree_sitter_bash:language",
        tags=("sh", "bash", "zsh", "console", "shell-session"),
    ),
    Language(
        "sql",
        "SQL",
        extensions=(".sql", ".ddl", ".dml", ".psql", ".pgsql"),
        shebangs=("psql",),
        line_comment="--",
        block_comment=_C_BLOCK,
        tags=("postgresql", "mysql", "sqlite", "plpgsql"),
    ),
    Language(
        "html",
        "HTML",
        extensions=(".html", ".htm", ".xhtml", ".vue", ".svelte"),
        block_comment=_MARKUP_BLOCK,
        tags=("htm", "xhtml", "vue", "svelte"),
    ),
    Language("css", "CSS", extensions=(".css", ".scss", ".less"), block_comment=_C_BLOCK, tags=("scss", "less")),
    Language(
        "yaml",
        "YAML",
        extensions=(".yaml", ".yml"),
        filenames=(".clang-format", ".clang-tidy", ".yamllint"),
        line_comment="#",
        tags=("yml",),
    ),
    Language(
        "dockerfile",
        "Dockerfile",
        extensions=(".dockerfile", ".containerfile"),
        filenames=("dockerfile", "containerfile"),
        line_comment="#",
        tags=("docker", "containerfile"),
    ),
    Language(
        "terraform",
        "Terraform",
        extensions=(".tf", ".tfvars", ".hcl"),
        line_comment="#",
        block_comment=_C_BLOCK,
        tags=("tf", "hcl", "opentofu"),
    ),
    Language(
        "markdown",
        "Markdown",
        extensions=(".md", ".markdown", ".mdx", ".mkd"),
        block_comment=_MARKUP_BLOCK,
        tags=("md",),
    ),
    Language("generic", "source"),
)
