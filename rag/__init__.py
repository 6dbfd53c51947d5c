"""근거: Korean question answering that proves every answer."""
