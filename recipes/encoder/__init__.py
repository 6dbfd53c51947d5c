"""How the sentence encoder came to be: cut from a public one, then trained on our questions."""
