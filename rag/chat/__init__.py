"""The chat: a page in the browser on one index, for several people at once.

``server`` is the way in. ``widget`` and ``page`` hold the widgets, ``event`` what they do; what they show is
HTML made in ``view``, ``source`` and ``panel``, where every word that comes from a document or a person is
escaped by ``markup``. State of a tab is in ``session``, what all share in ``room``.
"""
