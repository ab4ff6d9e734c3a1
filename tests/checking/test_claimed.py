"""What explanations call added, removed or replaced, against the lines; most were written by a 1.5B model."""

from __future__ import annotations

import pytest

from reviewer.checking.claimed import unsupported
from reviewer.diff import LineKind, SourceLine


def lines(diff: str) -> list[SourceLine]:
    return [SourceLine(LineKind(line[0]), line[1:], 1, 1) for line in diff.split("\n")]


COMMENT = """\
-    /* The socket must be writeable before we call
+    /* The socket must be writable before we call
     if(!SOCKET_WRITABLE(cf)) {
-      infof(data, "waiting for writeable socket");
+      infof(data, "waiting for writable socket");"""
CALLED = """\
-	t.pwindow.CFill(tui.ColPreview.Fg(), t.wrapSign)
+	printWrapSign()
+	if fillRet == tui.FillNextLine {
+		printWrapSign()
+	}"""
ASSIGNED = " if curr.nth {\n-    base = base.WithAttr(attrNth)\n+    base = nthBase\n }"
HASH = (
    "     def __hash__(self) -> int:\n-        return hash(type(self.path_type))\n+        return hash(self.path_type)"
)
MERGE = "-    MergeData(item, temp, [], options.ReplaceAll, true);\n+    MergeData(item, temp, [], false, true);"
COUNT = "-    env = append(env, max(0, t.count-t.headerLines))\n+    env = append(env, t.count)"
NONE = "-        if constraint.ge:\n+        if constraint.ge is not None:\n             s = apply(s)"
GUARD = "+        if one is None:\n+            return\n         one.run()"
METHOD = "+    pub fn project_status(&self) -> &Status {\n+        &self.project_status\n+    }"
GONE = "-        /// The manager.\n-        public IUserManager UserManager { get; set; }"
TRY = "-        set(k)\n+        try {\n+          set(k)\n+        } catch (e) {\n+          throw e\n+        }"
YAML = "+  - run: uv sync\n   - uses: x"
TYPED = "-  headers: Record<string, string>\n+  headers: Record<string, string[]>\n   multi?: undefined"
SWAP = "-    timeout = old_limit\n+    timeout = new_limit"
CAST = "-  cast(a: X = #file) -> AnError {\n+  cast(a: X = #fileID) -> AnError {"
INCLUDES = "-#include <climits>\n-#include <cmath>\n-#include <new>  // bad_alloc\n+#include <new>    // bad_alloc"
CONTEXT = "-	req := http.NewRequest(method, url, nil)\n+	req := http.NewRequestWithContext(ctx, method, url, nil)"
RESET = "   def reset\n-    Finder.root = nil\n+    Loader.clear_options\n   end"
DIGITS = "-    limit = 10\n+    limit = 1"
POP = "+    cache.remove(key)\n     return key"


@pytest.mark.parametrize(
    ("diff", "sentence"),
    [
        (COMMENT, "Adds a check to ensure the socket is writable before calling InitializeSecurityContext."),
        (CALLED, "Adds a new function `printWrapSign()` to the `Terminal` struct."),
        (ASSIGNED, "Adds a new variable `nthBase` to store the base color pair for the nth offset."),
        (HASH, "Adds a line to the `__hash__` method to return the hash of the `path_type` attribute."),
        (HASH, "Adds a null check for the path type."),
        (MERGE, "Adds a new case to the switch statement in the RefreshWithProviders method."),
        (COUNT, "Adds a new line to the function, which appends the count."),
        (COUNT, "Adds error handling for a negative count."),
        (COUNT, "Adds logging and a timeout to the function."),
        (GUARD, "Removes the check for None."),
        (GUARD, "Adds a try-except block around the call."),
        (GUARD, "Removes the call."),
        (GONE, "Adds a property for the manager."),
        (METHOD, "Removes the method `project_status`."),
        (METHOD, "Adds a loop over the statuses."),
        (SWAP, "Changes the timeout from `new_limit` to `old_limit`."),
        (SWAP, "Replaces the value `new_limit` with the value `old_limit`."),
        (SWAP, "Uses `old_limit` instead of `new_limit`."),
        (SWAP, "Changes the limit from 2 to 2 in the test."),
        (SWAP, "Removes the condition that checks `new_limit`."),
        (SWAP, "Adds `old_limit` to the sum."),
        (TYPED, "Changes the type of `multi` from `undefined` to `string[]`."),
        (TYPED, "Changes the type of `headers` from `undefined` to `Record<string, string[]>`."),
        (SWAP, "Changes the limit from `HS256` to `HS256`."),
        (CAST, "Changes the return type of `cast` from `AnError?` to `AnError`."),
        (INCLUDES, "Changes the inclusion of `<climits>` and `<cmath>` to `<new>`."),
        (CONTEXT, "Changes the function signature to include a context parameter."),
        (RESET, "Changes the behavior of Loader.clear_options to also reset the finder."),
    ],
)
def test_what_the_lines_do_not_show(diff: str, sentence: str) -> None:
    assert unsupported(sentence, lines(diff), "c")


@pytest.mark.parametrize(
    ("diff", "sentence"),
    [
        (NONE, "Adds a check to ensure that the constraint is not `None` before applying it to the schema."),
        (GUARD, "Adds a check for `None` and returns early."),
        (GUARD, "Adds a guard: nothing runs when `one` is None."),
        (GUARD, "Adds two lines that return early."),
        (METHOD, "Adds a new method `project_status` that returns the status."),
        (METHOD, "Adds a `project_status` method to the struct."),
        (GONE, "Removes the property `UserManager`."),
        (TRY, "Adds a try-catch block around `set`."),
        (TRY, "Adds error handling around the call."),
        (YAML, "Adds a new step that runs `uv sync`."),
        (SWAP, "Changes the timeout from `old_limit` to `new_limit`."),
        (SWAP, "Uses `new_limit` instead of `old_limit`."),
        (SWAP, "Replaces `old_limit` with `new_limit`, so that callers wait."),
        (SWAP, "Removes `old_limit` and uses `new_limit`."),
        (SWAP, "Changes the value of `timeout` to `new_limit`."),
        (TYPED, "Changes the type from `Record` to `Record<string, string[]>`."),
        (TYPED, "Changes the type of `headers` from `Record<string, string>` to `Record<string, string[]>`."),
        (POP, "Removes `key` from the cache."),
        (POP, "Removes the key when it was read."),
        (COUNT, "Changes the total from `max(0, t.count-t.headerLines)` to `t.count`."),
        (HASH, "Returns the hash of `path_type` instead of the hash of its type."),
        (CAST, "Changes the default of `a` from `#file` to `#fileID`."),
        (CAST, "Changes the signature of `cast` to take a file's id."),
        (INCLUDES, "Removes the inclusion of `<climits>` and `<cmath>`."),
        (CONTEXT, "Uses `http.NewRequestWithContext` instead of `http.NewRequest`."),
        (RESET, "Changes the behavior of `reset` to clear the options."),
        (DIGITS, "Changes the limit from `10` to `1`."),
        ("-    x: int = f(1),\n+    x: int = f(2),", "Changes the method signature to default to 2."),
        ("+const debounce = (fn, ms) => {\n+  let timer\n+}", "Adds a function `debounce`."),
        ("+  debounce(fn, ms) {\n+    return 1\n+  }", "Adds a method `debounce`."),
        ("+def debounce(fn, ms):\n+    return 1", "Adds the helper function `debounce` and a variable `ms`."),
        ("+	limit := max(1, n)\n+	use(limit)", "Adds a variable `limit` that is at least 1."),
        ("+static int debounce(struct s *p)\n+{\n+  return 1;\n+}", "Introduces the function `debounce`."),
        ("+  Future<int> debounce() async => 1;", "Adds the function `debounce`."),
        ("+    # why\n     x = 1", "Adds a comment that says why."),
        ("+    assert x > 1\n     y = x", "Adds an assertion."),
        ("+    x = y if y else 1", "Adds a condition, so that x is never empty."),
        ("+    val x = y ?: return", "Adds a null check for `y`."),
    ],
)
def test_what_the_lines_show(diff: str, sentence: str) -> None:
    assert not unsupported(sentence, lines(diff), "python")


def test_a_tests_file_holds_tests() -> None:
    diff = lines("+        (int, [0, -5], [1]),")
    assert not unsupported("Adds more test cases with negative numbers.", diff, "python", "tests/pipeline.py")
    assert unsupported("Adds more test cases with negative numbers.", diff, "python", "a/pipeline.py")
