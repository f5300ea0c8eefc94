"""The leader's hands: plan at each change, turn actions into guarded transactions, talk to shelf and agents.

``writes`` is pure; ``leader`` loops; the rest are the few actions that need more than the store. Nothing here decides.
"""
