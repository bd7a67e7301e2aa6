"""The figures of reports: sums by day, single payments and balances, read from one snapshot of the database."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from shared.core.clock import now
from shared.core.errors import InvalidRequest
from shared.core.time_zones import UTC_ZONE
from shared.web.access import Caller
from shared.web.validation.ranges import ComparedRange
from transaction_service.category_storage import CategoryStorage
from transaction_service.transaction_clients import AccountClient
from transaction_service.transaction_logic import AccountNotFound
from transaction_service.transaction_schemas import StatisticsQuery, SummaryQuery
from transaction_service.volumes.amount_storage import AmountStorage, Scope
from transaction_service.volumes.bank_volume_storage import BankVolumeStorage, volumes_of
from transaction_service.volumes.volume_schemas import BankVolumes, Flows
from transaction_service.volumes.volume_storage import ALL, Selection, Volumes, VolumeStorage


@dataclass(frozen=True)
class FlowStorage:
    """What the figures of a user are read from."""

    volumes: VolumeStorage
    amounts: AmountStorage
    categories: CategoryStorage


def flows(storage: FlowStorage, accounts: AccountClient, caller: Caller, query: StatisticsQuery) -> Flows:
    """Return what moved on the caller's accounts, on one account or in a selection, from one snapshot.

    Raises NotFound for an account of somebody else, InvalidRequest for a selection beside one account.
    """
    selection = Selection(query.account_ids, query.types)
    if query.account_id and selection != ALL:
        raise InvalidRequest(details={"account_id": "must not be given beside account_ids or types"})
    owners = {accounts.owner_id(caller.token, account_id) for account_id in query.account_ids}
    if owners - {caller.user_id.hex}:
        raise AccountNotFound
    owner_id = accounts.owner_id(caller.token, query.account_id) if query.account_id else caller.user_id.hex

    def of(since: datetime | None, until: datetime | None, zone: ZoneInfo = UTC_ZONE) -> Volumes:
        if selection != ALL:
            return storage.volumes.of_selection(owner_id, selection, since=since, until=until, zone=zone)
        return storage.volumes.of_user(owner_id, account_id=query.account_id, since=since, until=until, zone=zone)

    def change_minor(since: datetime | None, until: datetime | None) -> int:
        each = query.account_ids or (query.account_id,)
        ranges = (storage.volumes.of_user(owner_id, account_id=one, since=since, until=until) for one in each)
        return sum(volumes.net_minor for volumes in ranges)

    scope = Scope(query.account_id, selection, query.since, query.until)
    with storage.volumes.snapshot():
        as_of = now()
        return Flows(
            volumes=of(query.since, query.until, query.tz),
            amounts=storage.amounts.of_user(owner_id, scope),
            opening_minor=change_minor(None, query.since) if query.since else 0,
            later_minor=change_minor(query.until, None) if query.until else 0,
            has_balances=not query.types,
            by_category=storage.categories.sums(owner_id, scope),
            previous=of(query.compare_since, query.since) if query.compare_since else None,
            as_of=as_of,
        )


def volumes(storage: VolumeStorage, accounts: AccountClient, caller: Caller, query: SummaryQuery) -> Volumes:
    """Return the sums of completed transactions on the caller's accounts, or on one account. Raises NotFound.

    The account service records it when staff see another user's account.
    """
    owner_id = accounts.owner_id(caller.token, query.account_id) if query.account_id else caller.user_id.hex
    with storage.snapshot():
        return storage.of_user(
            owner_id, account_id=query.account_id, since=query.since, until=query.until, zone=query.tz
        )


def bank_volumes(storage: BankVolumeStorage, query: ComparedRange) -> BankVolumes:
    """Return the volumes of the whole bank, from one snapshot."""
    with storage.snapshot():
        as_of = now()
        by_day_and_type = storage.by_day_and_type(since=query.since, until=query.until, zone=query.tz)
        begin, end = query.compare_since, query.since
        earlier = storage.by_day_and_type(since=begin, until=end) if begin else None
    return BankVolumes(
        volumes=volumes_of(by_day_and_type),
        by_day_and_type=by_day_and_type,
        previous=None if earlier is None else volumes_of(earlier),
        as_of=as_of,
    )
