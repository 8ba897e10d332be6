"""An index in a folder and in engines, side by side."""
