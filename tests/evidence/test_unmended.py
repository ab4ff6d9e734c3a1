"""Replacements that please a rule and mend nothing, beside those that do mend."""

from __future__ import annotations

import pytest

from reviewer.checking.suggestion import apply
from reviewer.evidence.unmended import unmended
from reviewer.finding import Suggestion


def _said(language: str, text: str, old: str, new: str) -> str | None:
    """The verdict about replacing the lines ``old`` of a text, which must parse, by ``new``."""
    start = text[: text.index(old)].count("\n") + 1
    suggestion = Suggestion(start, start + old.count("\n"), new, old)
    after = apply(text, suggestion)
    assert after is not None
    return unmended(suggestion, text, after, language)


RUBY = "def total(path)\n  Integer(File.read(path))\nrescue StandardError\n  nil\nend\n"
PYTHON = "def load(path):\n    try:\n        return read(path)\n    except Exception:\n        return {}\n"
KOTLIN = """suspend fun poll() {
    try {
        fetch()
    } catch (problem: Exception) {
        store.mark()
    }
}
"""
WIPE = "void wipe(unsigned char *key, struct state *all) {\n    memset(key, 0, sizeof key);\n}\n"


@pytest.mark.parametrize(
    ("language", "text", "old", "new"),
    [
        (
            "ruby",
            RUBY,
            "rescue StandardError\n  nil",
            'rescue StandardError => e\n  # Log the error\n  puts "An error occurred: #{e}"',
        ),
        ("ruby", RUBY, "  nil", "  p $!\n  nil"),
        (
            "python",
            PYTHON,
            "    except Exception:\n        return {}",
            "    except Exception as e:\n        print(f'failed: {e}')\n        return None",
        ),
        (
            "java",
            "class A {\n  void f() {\n    try { g(); }\n    catch (IOException e) {\n    }\n  }\n}\n",
            "    }\n  }",
            "      e.printStackTrace();\n    }\n  }",
        ),
        (
            "csharp",
            "class A {\n  void F() {\n    try { G(); }\n    catch (IOException e)\n    {\n    }\n  }\n}\n",
            "    catch (IOException e)\n    {\n    }",
            "    catch (IOException e)\n    {\n      Console.WriteLine(e.Message);\n    }",
        ),
    ],
)
def test_an_error_that_is_only_printed_is_not_handled(language: str, text: str, old: str, new: str) -> None:
    assert _said(language, text, old, new) == "it prints the error instead of handling it"


@pytest.mark.parametrize(
    ("language", "text", "old", "new"),
    [
        ("ruby", RUBY, "  nil", '  warn "total: #{$!}"\n  nil'),
        ("ruby", RUBY, "  nil", "  logger.error($!)\n  nil"),
        ("ruby", RUBY, "rescue StandardError\n  nil", "rescue Errno::ENOENT\n  nil"),
        ("python", PYTHON, "    except Exception:", "    except OSError:"),
        ("python", PYTHON, "        return {}", "        print('failed', file=sys.stderr)\n        return {}"),
        ("python", PYTHON, "        return {}", "        print('failed')\n        raise"),
        ("python", "def f(x):\n    print x\n", "    print x", "    print(x)"),
    ],
)
def test_what_handles_an_error_is_accepted(language: str, text: str, old: str, new: str) -> None:
    assert _said(language, text, old, new) is None


@pytest.mark.parametrize(
    ("language", "text", "old", "new"),
    [
        (
            "kotlin",
            KOTLIN,
            "        store.mark()",
            "        store.mark()\n    } catch (e: CancellationException) {\n        throw e",
        ),
        (
            "python",
            PYTHON,
            "        return {}",
            "        return {}\n    except ValueError:\n        raise",
        ),
        (
            "python",
            PYTHON,
            "        return {}",
            "        return {}\n    except (OSError, KeyError) as e:\n        raise e",
        ),
        ("ruby", RUBY, "  nil\nend", "  nil\nrescue ArgumentError\n  raise\nend"),
        (
            "java",
            "class A {\n  void f() {\n    try { g(); } catch (Exception e) {\n    }\n  }\n}\n",
            "    }\n  }",
            "    } catch (final InterruptedException | RuntimeException e) {\n      throw e;\n    }\n  }",
        ),
        (
            "csharp",
            "class A {\n  void F() {\n    try { G(); } catch (Exception) {\n    }\n  }\n}\n",
            "    }\n  }",
            "    } catch (OutOfMemoryException e) {\n      throw;\n    }\n  }",
        ),
        (
            "php",
            "<?php\ntry {\n  f();\n} catch (\\Exception $e) {\n  g();\n}\n",
            "  g();\n}",
            "  g();\n} catch (RuntimeException $e) {\n  throw $e;\n}",
        ),
        (
            "cpp",
            "void f() {\n  try { g(); } catch (...) {\n  }\n}\n",
            "  }",
            "  } catch (const std::exception& e) {\n    throw;\n  }",
        ),
    ],
)
def test_a_clause_that_an_earlier_one_shadows(language: str, text: str, old: str, new: str) -> None:
    assert _said(language, text, old, new) == "it adds a clause that an earlier one shadows"


@pytest.mark.parametrize(
    ("language", "text", "old", "new"),
    [
        (
            "kotlin",
            KOTLIN,
            "    } catch (problem: Exception) {",
            "    } catch (e: CancellationException) {\n        throw e\n    } catch (problem: Exception) {",
        ),
        ("python", PYTHON, "        return {}", "        return {}\n    except KeyboardInterrupt:\n        raise"),
        ("python", PYTHON, "        return {}", "        return {}\n    except asyncio.CancelledError:\n        raise"),
        ("python", PYTHON, "    except Exception:", "    except (OSError, ValueError):"),
        ("ruby", RUBY, "  nil\nend", "  nil\nrescue Interrupt\n  raise\nend"),
        (
            "java",
            "class A {\n  void f() {\n    try { g(); } catch (Exception e) {\n    }\n  }\n}\n",
            "    }\n  }",
            "    } catch (OutOfMemoryError e) {\n      throw e;\n    }\n  }",
        ),
        (
            "csharp",
            "class A {\n  void F() {\n    try { G(); } catch (Exception e) when (e.Data.Count > 0) {\n    }\n  }\n}\n",
            "    }\n  }",
            "    } catch (IOException) {\n      throw;\n    }\n  }",
        ),
    ],
)
def test_a_clause_that_can_run(language: str, text: str, old: str, new: str) -> None:
    assert _said(language, text, old, new) is None


@pytest.mark.parametrize(
    "new",
    [
        "    memset(key, 0, sizeof *key);",
        "    memset(key, 0, sizeof(*key));",
        "    memset(key, 0, sizeof(unsigned char *));",
        "    memset(key, 0, sizeof(key[0]));",
        "    memset(key, 0, sizeof(key));",
        "    memset(key, 0, sizeof (unsigned char));",
        "    memset(key, 0, *key);",
        "    memset(key, 0, sizeof(*key)); // the size of what it points to",
        "    memset(key, 0, /* fixed */ sizeof * key);",
        "    memset(key, 0, * key); // its size",
    ],
)
def test_a_size_that_is_still_not_that_of_the_data(new: str) -> None:
    assert _said("c", WIPE, "    memset(key, 0, sizeof key);", new) == "the size is still not that of the data"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    memset(key, 0, sizeof key);", "    memset(key, 0, KEY_LENGTH);"),
        ("    memset(key, 0, sizeof key);", "    memset(key, 0, length * sizeof *key);"),
        ("    memset(key, 0, sizeof key);", "    memset(all, 0, sizeof *all);"),
        ("    memset(key, 0, sizeof key);", "    int *n = malloc(sizeof *n);"),
    ],
)
def test_another_size_may_be_right(old: str, new: str) -> None:
    assert _said("c", WIPE, old, new) is None
    text = WIPE.replace("sizeof key", "sizeof all").replace("memset(key", "memset(all")
    assert _said("c", text, "    memset(all, 0, sizeof all);", "    memset(all, 0, sizeof *all);") is None


LOOP = "void sweep(Map& all) {\n  for (auto it = all.begin(); it != all.end(); ++it) {\n    all.erase(it);\n  }\n}\n"


def test_a_loop_that_still_increments_what_erase_returned() -> None:
    said = "the loop still moves the iterator on, and skips an element"
    assert _said("cpp", LOOP, "    all.erase(it);", "    it = all.erase(it);") == said
    assert _said("cpp", LOOP, "    all.erase(it);", "    auto old = it; // kept\n    all.erase(old);") == said
    mended = "  for (auto it = all.begin(); it != all.end();) {\n    it = all.erase(it);"
    assert _said("cpp", LOOP, "\n".join(LOOP.split("\n")[1:3]), mended) is None


def test_a_lambda_keeps_its_parameters() -> None:
    text = "def bind(names):\n    return [lambda: print(name) for name in names]\n"
    old = "    return [lambda: print(name) for name in names]"
    assert _said("python", text, old, old.replace("lambda:", "lambda name=name:")) is None
    assert _said("python", text, old, old.replace("lambda:", "lambda *, name=name:")) is None
    said = _said("python", text, old, old.replace("lambda:", "lambda x, name=name:"))
    assert said == "it changes how a function is called"
