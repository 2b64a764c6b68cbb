"""The simulated shop "Lantern", whose truth is known.

Rooms: `world` (laws, calendar, catalogue), `behaviour` (the simulation), `truth` (probabilities of the common
question), `channels` (the raw channels and their dirt).
"""
