"""Flask apps of all processes: access, responses, settings, logs, metrics, serving."""
