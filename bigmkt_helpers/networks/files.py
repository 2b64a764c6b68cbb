"""Networks from files in the Bayesian interchange format (BIF), and to pgmpy and back."""

import gzip
import logging
import warnings
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.networks.graph import Graph, Network

__all__ = ["EXAMPLES", "from_pgmpy", "load_example", "posterior_by_pgmpy", "read_bif", "to_pgmpy"]

EXAMPLES = ("alarm", "asia", "cancer", "earthquake", "sachs", "survey")
"""Networks of the literature whose files come with pgmpy."""


def _pgmpy(module):
    """A module of pgmpy, without the two warnings that its own imports set off (and no other)."""
    import importlib

    with warnings.catch_warnings():
        # of the bars that pgmpy draws in a notebook; none is drawn here
        warnings.filterwarnings("ignore", message="IProgress not found")
        warnings.filterwarnings(
            "ignore",
            message=r"`pgmpy\.estimators\.StructureScore` is deprecated",
            category=FutureWarning,
        )
        return importlib.import_module(module)


def read_bif(source) -> Network:
    """Read a network from a BIF file, through pgmpy's reader.

    Parameters
    ----------
    source : path, or str with the text itself
        A path may end in .bif or .bif.gz.

    Raises
    ------
    InputError
        No such file, or a text that is no BIF.

    Examples
    --------
    >>> network = read_bif('''network small { }
    ... variable coin { type discrete [ 2 ] { heads, tails };
    ... }
    ... probability ( coin ) { table 0.5, 0.5;
    ... }
    ... ''')
    >>> network.levels
    {'coin': ('heads', 'tails')}
    """
    text, what = source, "The text"
    if isinstance(source, Path) or "\n" not in str(source):
        path, what = Path(source), str(Path(source).name)
        if not path.is_file():
            raise InputError(f"There is no file {path.name!r}: give the path of a BIF file.")
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8")
    # a glance before the reader is loaded, which takes seconds
    if "variable" not in text or "probability" not in text:
        raise InputError(f"{what} holds no variable or no probability: it is no network in BIF.")
    reader = _pgmpy("pgmpy.readwrite.BIF").BIFReader
    # pgmpy tells of renamed levels through its logger; nothing is renamed in what we hand on
    log = logging.getLogger("pgmpy")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        model = reader(string=text).get_model()
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{what} is no network in BIF that can be read ({type(error).__name__}: {error})."
        ) from error
    finally:
        log.setLevel(level)
    return from_pgmpy(model)


def load_example(name: str) -> Network:
    """A network of the literature, from the files that come with pgmpy; nothing is fetched.

    Parameters
    ----------
    name : str
        One of `EXAMPLES` (kept once read: the reader takes its time): "asia" (Lauritzen & Spiegelhalter,
        1988), "cancer" (Korb & Nicholson), "alarm" (Beinlich et al., 1989).

    Examples
    --------
    >>> load_example("asia")
    Network of 8 nodes, 8 edges, 18 free probabilities
    """
    if name not in EXAMPLES:
        raise InputError(f"There is no example {name!r}; there are {', '.join(EXAMPLES)}.")
    found = _unpacked(name)
    # a network of one's own each time: what is done to it must not show in the next
    return Network(found.graph, found.levels, found.tables)


@lru_cache
def _unpacked(name):
    packed = files("pgmpy").joinpath("utils", "example_models", f"{name}.bif.gz").read_bytes()
    return read_bif(gzip.decompress(packed).decode("utf-8"))


def from_pgmpy(model) -> Network:
    """The same network in our form.

    Parameters
    ----------
    model : pgmpy.models.DiscreteBayesianNetwork
        With a table for every node.
    """
    import numpy as np

    tables, levels = {}, {}
    for node in model.nodes():
        cpd = model.get_cpds(node)
        if cpd is None:
            raise InputError(f"The node {node!r} of the pgmpy model has no table: add its TabularCPD.")
        levels[node] = tuple(cpd.state_names[node])
    graph = Graph(list(model.edges()), nodes=model.nodes())
    for node in graph.nodes:
        cpd = model.get_cpds(node)
        # pgmpy's axes: the node, then its evidence in the order of the file; a level may have another place
        # in the table of a child than in the node's own
        values, axes = cpd.values, list(cpd.variables)
        for axis, variable in enumerate(axes):
            places = [list(cpd.state_names[variable]).index(level) for level in levels[variable]]
            values = np.take(values, places, axis=axis)
        tables[node] = values.transpose([axes.index(v) for v in (*graph.parents(node), node)])
    return Network(graph, levels, tables)


def to_pgmpy(network: Network):
    """The same network as a pgmpy ``DiscreteBayesianNetwork``; levels become text, as pgmpy's own files have
    it.

    Parameters
    ----------
    network : Network
    """
    import numpy as np

    cpd_class = _pgmpy("pgmpy.factors.discrete").TabularCPD
    model = _pgmpy("pgmpy.models").DiscreteBayesianNetwork()
    model.add_nodes_from(network.nodes)
    model.add_edges_from(network.graph.edges)
    for node in network.nodes:
        parents, table = network.graph.parents(node), network.tables[node]
        names = {v: [str(level) for level in network.levels[v]] for v in (node, *parents)}
        values = np.moveaxis(table, -1, 0).reshape(table.shape[-1], -1)
        sizes = [len(network.levels[p]) for p in parents]
        model.add_cpds(
            cpd_class(node, len(names[node]), values, list(parents) or None, sizes or None, state_names=names)
        )
    return model


def posterior_by_pgmpy(network: Network, query, evidence=None):
    """The same question as `posterior`, asked of pgmpy's variable elimination: to compare the two.

    Parameters
    ----------
    network : Network
    query : node
    evidence : mapping of node to level, optional

    Returns
    -------
    pandas.Series
        By the levels of the query, in the network's order.

    Raises
    ------
    InputError
        As for `posterior`: unknown nodes or levels.

    Examples
    --------
    >>> network = Network([("sent", "ordered")], {"sent": ["no", "yes"], "ordered": ["no", "yes"]},
    ...                   {"sent": [0.5, 0.5], "ordered": [[0.9, 0.1], [0.8, 0.2]]})
    >>> posterior_by_pgmpy(network, "sent", {"ordered": "yes"}).round(4).to_dict()
    {'no': 0.3333, 'yes': 0.6667}
    """
    import pandas as pd

    from bigmkt_helpers.networks.inference import _question

    _question(network, query, evidence)
    told = {node: str(level) for node, level in (evidence or {}).items()}
    elimination = _pgmpy("pgmpy.inference").VariableElimination(to_pgmpy(network))
    found = elimination.query([query], evidence=told, show_progress=False)
    values = dict(zip(found.state_names[query], found.values))
    levels = network.levels[query]
    return pd.Series(
        [values[str(level)] for level in levels], pd.Index(levels, name=query), name="probability"
    )
