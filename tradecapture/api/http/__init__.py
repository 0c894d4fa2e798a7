"""Parts of HTTP that every resource uses: problem documents, queries, correlation ids."""
