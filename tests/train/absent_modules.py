"""Names without content for modules that OpenMMLab's packages import and a step of training does not use: sys.meta_path.append(Finder())."""
import importlib.abc
import importlib.machinery
import types

import torch


class Nothing:
    """Stands for a value of a module that is not there."""

    def __call__(self, *args, **options):
        return args[0] if len(args) == 1 and callable(args[0]) else self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __or__(self, other):
        return self

    __ror__ = __getitem__ = __or__


class Absent(types.ModuleType):
    """Stands for a module that is not there."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (torch.nn.Module,), {}) if name[0].isupper() and not name.isupper() else Nothing()


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    names = "mmcv._ext", "cv2", "numba", "pycocotools", "scipy", "shapely", "skimage"

    def find_spec(self, name, path=None, target=None):
        if any((name + ".").startswith(absent + ".") for absent in self.names):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Absent(spec.name)

    def exec_module(self, module):
        pass
