"""Why does a take wait, and what can be done so that it is looked at now? Start at `why.why_waiting`."""
