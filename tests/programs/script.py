"""Tracks 1,000 events without giving the hub a turn, and ends."""

from beginning import begin, track

track(begin(), "script", range(1000))
