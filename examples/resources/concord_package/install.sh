#!/bin/sh
# What a package may hold: anything, such as a .msi or an archive.
echo "Nothing to install."
