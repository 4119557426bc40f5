"""The console: who there is (organisations, services, members, keys), and until its pages come, what runs where."""
