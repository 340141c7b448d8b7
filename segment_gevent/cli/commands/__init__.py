"""The commands of `segment-gevent` and their options, a file a group; the work is in the files beside this folder."""
