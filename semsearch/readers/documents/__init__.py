"""Documents of offices and publishers: Word, OpenDocument, EPUB, RTF, reStructuredText."""
