"""What a user is shown: tables, Markdown, drawings, progress; and the files that are written."""
