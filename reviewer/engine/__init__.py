"""The local vLLM engine; knows nothing of git or reviews."""
