"""From here on nothing is looked for that could be thrown away; `warm` ends that, once all is loaded."""

import gc

gc.disable()
