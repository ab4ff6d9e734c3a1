"""The table of languages: one value each, so that adding a language is adding a row and its template."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    Attributes:
        name: Key in ``LANGUAGES``, lower case.
        title: The name that people write.
        extensions: File name endings, lower case, with the dot.
        filenames: Whole file names, lower case; ``dockerfile`` also matches ``dockerfile.dev``.
        shebangs: Interpreter names of a ``#!`` line, without version and folder.
        line_comment: What starts a comment up to the line's end; None where there is none.
        block_comment: Opening and closing token; None where there is none.
        grammar: ``module:function`` of the tree-sitter grammar; None where none is packaged.
        tags: Further names on a fenced code block.
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

    @property
    def template(self) -> str:
        """Stem of the prompt template under ``prompts/languages``."""
        return self.name


_C_BLOCK = ("/*", "*/")
_MARKUP_BLOCK = ("<!--", "-->")

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
    Language(
        "javascript",
        "JavaScript",
        extensions=(".js", ".mjs", ".cjs", ".jsx"),
        filenames=("jakefile",),
        shebangs=("node", "nodejs", "bun"),
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_javascript:language",
        tags=("js", "jsx", "node"),
    ),
    Language(
        "typescript",
        "TypeScript",
        extensions=(".ts", ".mts", ".cts"),
        shebangs=("deno", "ts-node", "tsx"),
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_typescript:language_typescript",
        tags=("ts",),
    ),
    # A language of its own because its grammar is: `<T>value` is a cast in one and an element in the other.
    Language(
        "tsx",
        "TypeScript JSX",
        extensions=(".tsx",),
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_typescript:language_tsx",
    ),
    Language(
        "go",
        "Go",
        extensions=(".go",),
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_go:language",
        tags=("golang",),
    ),
    Language(
        "rust",
        "Rust",
        extensions=(".rs",),
        shebangs=("rust-script",),
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_rust:language",
        tags=("rs",),
    ),
    Language(
        "java",
        "Java",
        extensions=(".java",),
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_java:language",
    ),
    Language(
        "kotlin",
        "Kotlin",
        extensions=(".kt", ".kts"),
        shebangs=("kotlin", "kotlinc"),
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_kotlin:language",
        tags=("kt",),
    ),
    Language(
        "c",
        "C",
        extensions=(".c", ".h"),
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_c:language",
    ),
    Language(
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
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_cpp:language",
        tags=("c++", "cxx"),
    ),
    Language(
        "csharp",
        "C#",
        extensions=(".cs", ".csx"),
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_c_sharp:language",
        tags=("c#", "cs"),
    ),
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
    Language(
        "php",
        "PHP",
        extensions=(".php", ".phtml", ".php5", ".php7"),
        shebangs=("php",),
        line_comment="//",
        block_comment=_C_BLOCK,
        grammar="tree_sitter_php:language_php",
    ),
    Language(
        "swift",
        "Swift",
        extensions=(".swift",),
        shebangs=("swift",),
        line_comment="//",
        block_comment=_C_BLOCK,
    ),
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
    Language(
        "css",
        "CSS",
        extensions=(".css", ".scss", ".less"),
        block_comment=_C_BLOCK,
        tags=("scss", "less"),
    ),
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
