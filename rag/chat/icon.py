"""Icons as inline SVG: drawn for this page, 24 units wide, in the colour of the text around them."""

from __future__ import annotations

_PATHS = {
    "new": "M12 5v14M5 12h14",
    "close": "M6 6l12 12M18 6L6 18",
    "menu": "M4 7h16M4 12h16M4 17h10",
    "search": "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l4.5 4.5",
    "rename": "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
    "delete": "M5 7h14M10 4h4M7 7l1 13h8l1-13M10 11v5M14 11v5",
    "export": "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
    "documents": "M7 3h7l4 4v14H7zM14 3v4h4M10 12h5M10 16h5",
    "settings": "M4 8h9M17 8h3M4 16h3M11 16h9M15 5.5v5M9 13.5v5",
    "copy": "M9 9h10v11H9zM5 15V4h10",
    "again": "M19 12a7 7 0 1 1-2.2-5M19 4v4h-4",
    "good": "M8 11l3-7c1.6 0 2.4 1 2.2 2.5L12.8 9H18a2 2 0 0 1 2 2.3l-1 6A2 2 0 0 1 17 19H8zM8 11H4v8h4",
    "bad": "M8 13l3 7c1.6 0 2.4-1 2.2-2.5L12.8 15H18a2 2 0 0 0 2-2.3l-1-6A2 2 0 0 0 17 5H8zM8 13H4V5h4",
    "link": "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "none": "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M8 12h8",
}


def icon(name: str) -> str:
    """The SVG; hidden from screen readers, so that what holds it needs a label."""
    return (
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        f'<path d="{_PATHS[name]}"/></svg>'
    )
