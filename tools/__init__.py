"""The tools of the course: its environment, the notebook runner, the book, the gate, the student edition."""
