"""What learners watch, as files: a folder a scenario, without code. `lessons.session.content` reads and checks them."""
