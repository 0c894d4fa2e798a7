"""The expand migrations, one module each; they only add what older releases ignore."""
