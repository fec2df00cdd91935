"""Everything that the three models share.

It knows none of them, and stands inside `wavegan_tf` because the project's top level is fixed: `specgan_tf` and
`gansynth_tf` import it from here. Files of this folder itself (options, flags, errors, files, progress, draws) are for
every room. Rooms import downwards: `dcgan` stands on `training` and `serving`, these on `audio`, `nn` and `workers`,
and those on this folder's own files.
"""
