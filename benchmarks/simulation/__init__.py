"""A discrete-event model of the platform on Google Cloud: pushes, instances, and the messages of a day.  Nothing here touches a service."""
