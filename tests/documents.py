"""Makes documents: PDFs by reportlab, line by line where a test says where lines stand."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

__all__ = ["PAGE", "PdfMaker", "pdf_of"]

PAGE = (595.0, 842.0)
FONT, BOLD = "Helvetica", "Helvetica-Bold"


class PdfMaker:
    """Draws text on pages. A line's ``y`` is counted from the bottom, in points."""

    def __init__(self, **properties: str) -> None:
        from reportlab.pdfgen.canvas import Canvas

        self._buffer = io.BytesIO()
        self.canvas: Any = Canvas(self._buffer, pagesize=PAGE, invariant=1, pageCompression=1)
        for name, value in properties.items():
            getattr(self.canvas, f"set{name}")(value)

    def line(self, x: float, y: float, text: str, size: float = 11, font: str = FONT) -> None:
        self.canvas.setFont(font, size)
        self.canvas.drawString(x, y, text)

    def lines(self, x: float, y: float, lines: Sequence[str], size: float = 11, font: str = FONT) -> float:
        """Draw lines below each other, and return where the next one would stand."""
        for text in lines:
            self.line(x, y, text, size, font)
            y -= 1.2 * size
        return y

    def wrapped(self, text: str, x: float = 72, y: float = 740, width: float = 450, size: float = 11) -> float:
        """Draw a paragraph in lines of a width, and return where the next line would stand."""
        from reportlab.pdfbase.pdfmetrics import stringWidth

        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if stringWidth(longer, FONT, size) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return self.lines(x, y, lines, size)

    def end_page(self) -> None:
        self.canvas.showPage()

    def done(self) -> bytes:
        self.canvas.save()
        return self._buffer.getvalue()


def pdf_of(pages: Sequence[Sequence[str]], **properties: str) -> bytes:
    """Return a PDF of pages of paragraphs, with a number on each page."""
    maker = PdfMaker(**properties)
    for number, paragraphs in enumerate(pages, start=1):
        y = 740.0
        for paragraph in paragraphs:
            y = maker.wrapped(paragraph, y=y) - 8
        maker.line(290, 40, str(number), 9)
        maker.end_page()
    return maker.done()
