"""An OpenAI-compatible gateway to Gemini, as a mitmproxy addon."""
