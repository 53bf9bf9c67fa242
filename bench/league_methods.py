"""The league's methods. Each is a class with fit(given) and predict(given); a new one needs the decorator and these two.

predict gives one number a row, or the probability of each class in the order of given.classes. What a method learns from a
table it says in `settings`. Methods with a grid choose on the same fifth of the training rows (given.held()) and learn what
they chose on all rows. xRFM, RealMLP and TabM stop early on that fifth, as their authors have it, and are not fitted again.
"""

import csv
import importlib
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

METHODS = {}
OF_RANDOM_FOREST = 300  # trees


def method(name, module=None, package=None):
    """Registers a class under a name, with what it imports and the pip package that has it."""

    def add(made):
        made.name, made.module, made.package = name, module, package
        METHODS[name] = made
        return made

    return add


class Method:
    settings = ""

    def __init__(self, options):
        self.options = options  # {"sextant": path of the program or None}

    @classmethod
    def absent(cls, options):
        """Why the method can't run here, as a sentence; None if it can."""
        if cls.module and not importlib.util.find_spec(cls.module):
            return f"{cls.name} is left out: pip install {cls.package}"
        return None

    def versions(self):
        module = importlib.import_module(self.module) if self.module else None
        if not module:
            return {}
        version = getattr(module, "__version__", None)
        if version is None:
            version = importlib.import_module("importlib.metadata").version(self.package)
        return {self.package: version}

    def load(self, given):
        """What is not timed: imports and reading the files."""
        if self.module:
            importlib.import_module(self.module)
        given.columns()


# ---------------------------------------------------------------------------------------------------------------- Sextant


class Sextant(Method):
    """The command-line program on the files, as they are; it reads and encodes them itself, which is timed."""

    budget = "medium"

    def load(self, given):
        pass

    @classmethod
    def absent(cls, options):
        if not options.get("sextant"):
            return f"{cls.name} is left out: no program, name it by --sextant"
        if not shutil.which(options["sextant"]):
            return f"{cls.name} is left out: {options['sextant']} is no program"
        return None

    def run(self, *arguments):
        done = subprocess.run([self.options["sextant"], *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
            where = f"sextant {arguments[0]}"
            if done.returncode < 0:
                raise RuntimeError(f"{where} was ended by signal {-done.returncode}")
            raise RuntimeError(f"{where}: {said[-1][7:] if said else f'exit status {done.returncode}'}")
        return done.stdout

    def versions(self):
        return {"sextant": "; ".join(self.run("--version").splitlines()[:2])}

    def fit(self, given):
        self.model = given.folder / f"{self.name}-{os.getpid()}.sextant"
        self.run("fit", given.folder / "train.csv", "--target", given.target, "--task", given.task, "--out", self.model,
                 "--budget", self.budget, "--seed", given.seed, "--threads", given.threads, "--json")

    def predict(self, given):
        output = self.run("predict", self.model, given.folder / "test.csv", "--threads", given.threads)
        self.model.unlink()
        names, *rows = csv.reader(output.splitlines())
        cells = np.array([row[1:] if given.is_class else row[0] for row in rows], float)
        if not given.is_class:
            return cells
        labels = [name[2:-1] for name in names[1:]]  # p(LABEL)
        return cells[:, [labels.index(spelled(label, labels)) for label in given.classes]]


def spelled(label, labels):
    """How the program writes a class: as its text, or as the same number."""
    if label in labels:
        return label
    for other in labels:
        try:
            if float(other) == float(label):
                return other
        except ValueError:
            pass
    raise ValueError(f"no probability of class {label!r}, expected one of {labels}")


@method("sextant-low")
class SextantLow(Sextant):
    budget = "low"


@method("sextant-medium")
class SextantMedium(Sextant):
    budget = "medium"


@method("sextant-high")
class SextantHigh(Sextant):
    budget = "high"


# ------------------------------------------------------------------------------------------------------------------ grids


def loss(predicted, y, is_class):
    """Mean squared error, or log-loss."""
    if is_class:
        return -np.log(np.clip(predicted[np.arange(len(y)), y], 1e-7, None)).mean()
    return np.mean((predicted - y) ** 2)


class Grid(Method):
    """Learns each of grid(given) on four fifths of the rows, takes the one with the least loss on the other, and learns
    that on all of them. Subclasses say learn(X, y, setting, given) and output(model, X, given)."""

    def inputs(self, given):
        return given.dense()

    def load(self, given):
        super().load(given)
        importlib.import_module("sklearn.linear_model")
        importlib.import_module("sklearn.ensemble")

    def fit(self, given):
        X, self.X_test = self.inputs(given)
        held, y = given.held(), given.y
        best = np.inf
        for setting in self.grid(given):
            model = self.learn(X[~held], y[~held], setting, given)
            found = loss(self.output(model, X[held], given), y[held], given.is_class)
            if found < best:
                best, self.settings = found, setting
        if not np.isfinite(best):
            raise RuntimeError("no setting of the grid had a finite loss")
        self.model = self.learn(X, y, self.settings, given)

    def output(self, model, X, given):
        return model.predict_proba(X) if given.is_class else model.predict(X)

    def predict(self, given):
        return self.output(self.model, self.X_test, given)


@method("ridge", "sklearn", "scikit-learn")
class Ridge(Grid):
    """Ridge regression, or logistic regression with a squared penalty."""

    def grid(self, given):
        return [{"penalty": float(value)} for value in np.logspace(-4, 4, 17)]

    def learn(self, X, y, setting, given):
        from sklearn import linear_model

        if given.is_class:
            return linear_model.LogisticRegression(C=1 / setting["penalty"], max_iter=1000).fit(X, y)
        return linear_model.Ridge(alpha=setting["penalty"]).fit(X, y)


@method("lasso", "sklearn", "scikit-learn")
class Lasso(Grid):
    """Lasso, or logistic regression with an absolute penalty; penalties below the least one that lets nothing through."""

    def grid(self, given):
        return [{"share": float(value)} for value in np.logspace(-4, 0, 13)[::-1]]

    def learn(self, X, y, setting, given):
        from sklearn import linear_model

        if given.is_class:
            residuals = np.eye(len(given.classes))[y]
            most = np.abs(X.T @ (residuals - residuals.mean(0))).max()
            return linear_model.LogisticRegression(penalty="l1", solver="saga", C=1 / (setting["share"] * most + 1e-12),
                                                   max_iter=300, random_state=given.seed).fit(X, y)
        most = np.abs(X.T @ (y - y.mean())).max() / len(y)
        return linear_model.Lasso(alpha=setting["share"] * most + 1e-12, max_iter=5000).fit(X, y)


@method("forest", "sklearn", "scikit-learn")
class Forest(Grid):
    """Random forest; texts are numbers of their levels, missing cells lie below all others."""

    def inputs(self, given):
        X, X_test, _ = given.codes()
        below = np.nanmin(X, axis=0) - 1
        return np.where(np.isnan(X), below, X), np.where(np.isnan(X_test), below, X_test)

    def grid(self, given):
        return [{"max_features": share, "min_samples_leaf": leaf} for share in ("sqrt", 0.33, 1.0) for leaf in (1, 5)]

    def learn(self, X, y, setting, given):
        from sklearn import ensemble

        kind = ensemble.RandomForestClassifier if given.is_class else ensemble.RandomForestRegressor
        return kind(OF_RANDOM_FOREST, n_jobs=given.threads, random_state=given.seed, **setting).fit(X, y)


# ---------------------------------------------------------------------------------------------------------- boosted trees

ROUNDS_AT_MOST = 2000
PATIENCE = 40


class Boosted(Method):
    """Six settings, each stopped early on the held-out fifth; the best learns so many rounds on all rows. Subclasses say
    grid, learn(X, y, setting, rounds, held_out or None, given), rounds(model) and, if need be, inputs."""

    def inputs(self, given):
        X, X_test, self.texts = given.codes()
        return X, X_test

    def fit(self, given):
        X, self.X_test = self.inputs(given)
        held, y = given.held(), given.y
        best = np.inf
        for setting in self.grid:
            model = self.learn(X[~held], y[~held], setting, ROUNDS_AT_MOST, (X[held], y[held]), given)
            found = loss(self.output(model, X[held], given), y[held], given.is_class)
            if found < best:
                best, self.settings = found, {**setting, "rounds": self.rounds(model)}
        if not np.isfinite(best):
            raise RuntimeError("no setting of the grid had a finite loss")
        setting = dict(self.settings)
        self.model = self.learn(X, y, setting, setting.pop("rounds"), None, given)

    def output(self, model, X, given):
        return model.predict_proba(X) if given.is_class else model.predict(X)

    def predict(self, given):
        return self.output(self.model, self.X_test, given)


@method("xgboost", "xgboost", "xgboost")
class XGBoost(Boosted):
    grid = [{"max_depth": depth, "learning_rate": rate} for depth in (3, 6, 9) for rate in (0.05, 0.2)]

    def learn(self, X, y, setting, rounds, held_out, given):
        import xgboost

        kinds = {}
        if self.texts:
            kinds = {"enable_categorical": True, "feature_types": ["c" if j in self.texts else "q" for j in range(X.shape[1])]}
        kind = xgboost.XGBClassifier if given.is_class else xgboost.XGBRegressor
        model = kind(n_estimators=rounds, tree_method="hist", subsample=0.8, colsample_bytree=0.9, random_state=given.seed,
                     n_jobs=given.threads, device=given.device, early_stopping_rounds=PATIENCE if held_out else None,
                     **kinds, **setting)
        return model.fit(X, y, eval_set=[held_out] if held_out else None, verbose=False)

    def rounds(self, model):
        return model.best_iteration + 1


@method("lightgbm", "lightgbm", "lightgbm")
class LightGBM(Boosted):
    grid = [{"num_leaves": leaves, "learning_rate": rate} for leaves in (7, 31, 127) for rate in (0.05, 0.2)]

    def learn(self, X, y, setting, rounds, held_out, given):
        import lightgbm

        kind = lightgbm.LGBMClassifier if given.is_class else lightgbm.LGBMRegressor
        model = kind(n_estimators=rounds, subsample=0.8, subsample_freq=1, colsample_bytree=0.9, random_state=given.seed,
                     n_jobs=given.threads, verbose=-1, **setting)
        return model.fit(X, y, eval_set=[held_out] if held_out else None, categorical_feature=self.texts or "auto",
                         callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)] if held_out else None)

    def rounds(self, model):
        return model.best_iteration_ or ROUNDS_AT_MOST


@method("catboost", "catboost", "catboost")
class CatBoost(Boosted):
    grid = [{"depth": depth, "learning_rate": rate} for depth in (4, 6, 8) for rate in (0.05, 0.2)]

    def inputs(self, given):
        """Texts as they are, for CatBoost's own encoding."""
        columns = given.columns()
        self.texts = [j for j, (_, train, _) in enumerate(columns) if isinstance(train, list)]
        parts = []
        for which in (1, 2):
            X = np.empty((len(columns[0][which]), len(columns)), object)
            for j, column in enumerate(columns):
                X[:, j] = ["" if c is None else c for c in column[which]] if j in self.texts else column[which]
            parts.append(X)
        return parts

    def learn(self, X, y, setting, rounds, held_out, given):
        import catboost

        kind = catboost.CatBoostClassifier if given.is_class else catboost.CatBoostRegressor
        more = {"loss_function": "MultiClass"} if given.is_class and len(given.classes) > 2 else {}
        model = kind(iterations=rounds, random_seed=given.seed, thread_count=given.threads, allow_writing_files=False,
                     task_type="GPU" if given.device == "cuda" else "CPU", **more, **setting)
        return model.fit(X, y, cat_features=self.texts, eval_set=held_out, verbose=False,
                         early_stopping_rounds=PATIENCE if held_out else None, use_best_model=bool(held_out))

    def rounds(self, model):
        return model.tree_count_


# ----------------------------------------------------------------------------------------- kernels, networks, transformers


@method("xrfm", "xrfm", "xrfm")
class XRFM(Method):
    """Recursive feature machines: kernel and bandwidth of a small grid, by their loss on the held-out fifth."""

    grid = [(kernel, bandwidth, reg) for kernel in ("l2", "l1") for bandwidth in (2.0, 10.0) for reg in (1e-3, 1e-1)]

    def fit(self, given):
        import torch
        from xrfm import xRFM

        X, self.X_test = (part.astype(np.float32) for part in given.dense())
        held = given.held()
        self.centre, self.scale = (0, 1) if given.is_class else (given.y.mean(), given.scale())
        y = given.y if given.is_class else ((given.y - self.centre) / self.scale).astype(np.float32)[:, None]
        best = np.inf
        for kernel, bandwidth, reg in self.grid:
            parameters = {"model": {"kernel": kernel, "bandwidth": bandwidth, "exponent": 1.0, "diag": False,
                                    "bandwidth_mode": "constant"},
                          "fit": {"reg": reg, "iters": 5, "verbose": False, "early_stop_rfm": True,
                                  "return_best_params": True}}
            model = xRFM(rfm_params=parameters, device=given.device, random_state=given.seed, n_threads=given.threads,
                         tuning_metric="logloss" if given.is_class else "mse", verbose=False)
            model.fit(*(torch.from_numpy(part).to(given.device) for part in (X[~held], y[~held], X[held], y[held])))
            self.model, kept = model, getattr(self, "model", None)
            found = loss(self.output(X[held], given), given.y[held], given.is_class)
            if found < best:
                best, self.settings = found, {"kernel": kernel, "bandwidth": bandwidth, "reg": reg}
            else:
                self.model = kept

    def output(self, X, given):
        import torch

        X = torch.from_numpy(X).to(given.device)
        found = self.model.predict_proba(X) if given.is_class else self.model.predict(X)
        found = np.asarray(found.cpu() if hasattr(found, "cpu") else found, float)
        return found if given.is_class else self.centre + self.scale * found.reshape(-1)

    def predict(self, given):
        return self.output(self.X_test, given)


class Tabular(Method):
    """A network of pytabkit with its tuned defaults; texts are its categories, missing numbers filled beside indicators."""

    def frames(self, given):
        import pandas as pd

        columns = {}
        for j, (_, train, test) in enumerate(given.columns()):
            if isinstance(train, list):
                levels = sorted({cell for cell in train if cell is not None})
                columns[f"{j}"] = [pd.Categorical(part, categories=levels) for part in (train, test)]
                continue
            lost = np.isnan(train)
            if lost.any():
                columns[f"{j} missing"] = [np.isnan(part).astype(float) for part in (train, test)]
            columns[f"{j}"] = [np.where(np.isnan(part), train[~lost].mean(), part) for part in (train, test)]
        return [pd.DataFrame({name: pair[which] for name, pair in columns.items()}) for which in (0, 1)]

    def fit(self, given):
        import pytabkit

        X, self.X_test = self.frames(given)
        kind = getattr(pytabkit, f"{self.prefix}_{'Classifier' if given.is_class else 'Regressor'}")
        more = self.for_log_loss if given.is_class else {}
        self.model = kind(device=given.device, random_state=given.seed, n_threads=given.threads, n_cv=1, n_refit=0, **more)
        self.model.fit(X, given.y, val_idxs=np.flatnonzero(given.held()))

    def predict(self, given):
        return self.model.predict_proba(self.X_test) if given.is_class else np.asarray(self.model.predict(self.X_test)).reshape(-1)


@method("realmlp", "pytabkit", "pytabkit")
class RealMLP(Tabular):
    prefix = "RealMLP_TD"
    for_log_loss = {"val_metric_name": "cross_entropy", "use_ls": False}


@method("tabm", "pytabkit", "pytabkit")
class TabM(Tabular):
    prefix = "TabM_D"
    for_log_loss = {"val_metric_name": "cross_entropy"}


@method("tabpfn", "tabpfn", "tabpfn")
class TabPFN(Method):
    """The pretrained transformer, where its weights lie on this machine: none are fetched."""

    @classmethod
    def weights(cls, kind):
        given = os.environ.get("TABPFN_MODEL_CACHE_DIR")
        places = [Path(given)] if given else [Path.home() / ".cache" / "tabpfn"]
        found = [path for place in places if place.is_dir() for path in sorted(place.glob(f"*{kind}*.ckpt"))]
        return found[-1] if found else None

    @classmethod
    def absent(cls, options):
        if super().absent(options):
            return super().absent(options)
        if not cls.weights("classifier") and not cls.weights("regressor"):
            return "tabpfn is left out: no weights (*.ckpt) in the folder TABPFN_MODEL_CACHE_DIR or ~/.cache/tabpfn"
        return None

    def fit(self, given):
        import tabpfn

        kind = "classifier" if given.is_class else "regressor"
        weights = self.weights(kind)
        if not weights:
            raise RuntimeError(f"no weights of the {kind}")
        X, self.X_test, texts = given.codes()
        made = tabpfn.TabPFNClassifier if given.is_class else tabpfn.TabPFNRegressor
        self.settings = {"weights": weights.name}
        self.model = made(model_path=str(weights), device=given.device, random_state=given.seed, ignore_pretraining_limits=True,
                          categorical_features_indices=texts or None).fit(X, given.y)

    def predict(self, given):
        return self.model.predict_proba(self.X_test) if given.is_class else self.model.predict(self.X_test)
