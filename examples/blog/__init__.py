"""MyBlog.com: a website with an API, and what happens when something is written, uploaded, or subscribed to."""
