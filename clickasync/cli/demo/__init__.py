"""``clickasync demo``: the SDK against a simulator on this machine, over real HTTP, in a few seconds."""
