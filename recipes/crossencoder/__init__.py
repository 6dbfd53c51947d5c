"""How the cross-encoder came to be: the lower half of a public one, cut, then trained on our questions."""
