"""Plays scripts over the Ollama protocol: scripted, not a language model, and it says so in every answer."""
