"""The checks in the order in which they are worth mending, as ``module:function``.

A module is imported when its check is run: importing torch takes seconds, and where it cannot be imported
that is the finding.
"""

CHECKS = {
    "python": "equal_stream.checkup.machine:python",
    "data directory": "equal_stream.checkup.machine:data_directory",
    "transport": "equal_stream.checkup.log:transport",
    "store": "equal_stream.checkup.store:store",
    "encoder": "equal_stream.checkup.encoder:encoder",
    "ray": "equal_stream.checkup.cluster:ray",
    "llm": "equal_stream.checkup.spending:llm",
    "prices and caps": "equal_stream.checkup.spending:prices_and_caps",
}
