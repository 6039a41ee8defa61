"""Whether the user of a role may do what the role does, asked before the role does anything.

Only topics can be asked for. Groups and transactional ids are refused when they are first used, which is at
the start too.
"""

from equal_stream.acls import of_role
from equal_stream.roles import Role
from equal_stream.settings import Settings
from equal_stream.transport.kafka.cluster import Cluster


def require_allowed(settings: Settings, role: Role) -> None:
    """Raise `NotAllowed`, naming them, where the broker does not let this user at some of a role's topics.

    Without this the answers of an LLM would be paid for first, and only then not be taken by the journal.
    """
    if settings.transport != "kafka":
        return
    wanted = {"READ": list[str](), "WRITE": list[str]()}
    for acl in of_role(role):
        if acl.resource == "topic" and acl.operation in wanted:
            wanted[acl.operation].append(acl.name)
    cluster = Cluster(settings)
    try:
        cluster.require(reads=wanted["READ"], writes=wanted["WRITE"])
    finally:
        cluster.close()
