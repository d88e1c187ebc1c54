from django.urls import path

from consoles.pages import accounts, activity, functions, home, streams, workspaces

WS = "workspaces/<str:workspace>"
FN = f"{WS}/functions/<str:function>"

urlpatterns = [
    path("", home.index, name="workspace-list"),
    path("sign-in", accounts.SignIn.as_view(), name="sign-in"),
    path("sign-in/link/<str:secret>", accounts.sign_in_link, name="sign-in-link"),
    path("sign-in/link/<str:secret>/redeem", accounts.redeem_link, name="redeem-link"),
    path("sign-out", accounts.SignOut.as_view(), name="sign-out"),
    path("account", accounts.account, name="account"),
    path("account/tokens", accounts.create_token, name="create-token"),
    path("account/tokens/<int:token_id>/revoke", accounts.revoke_token, name="revoke-token"),
    path("account/password", accounts.set_password, name="set-password"),
    path("language", home.set_language, name="set-language"),
    path("workspaces", workspaces.create, name="workspace-create"),
    path(WS, workspaces.overview, name="workspace-overview"),
    path(f"{WS}/settings", workspaces.settings, name="workspace-settings"),
    path(f"{WS}/edit", workspaces.edit, name="workspace-edit"),
    path(f"{WS}/remove", workspaces.remove, name="workspace-remove"),
    path(f"{WS}/members", workspaces.set_member, name="member-set"),
    path(f"{WS}/members/<int:user_id>/remove", workspaces.remove_member, name="member-remove"),
    path(f"{WS}/builds", activity.builds, name="build-list"),
    path(f"{WS}/builds/<str:build_id>", activity.build, name="build"),
    path(f"{WS}/functions", functions.index, name="function-list"),
    path(f"{WS}/functions/new", functions.new, name="function-new"),
    path(FN, functions.code, name="function"),
    path(f"{FN}/save", functions.save, name="function-save"),
    path(f"{FN}/draft", functions.keep_draft, name="function-draft"),
    path(f"{FN}/draft/discard", functions.discard_draft, name="function-draft-discard"),
    path(f"{FN}/check", functions.check, name="function-check"),
    path(f"{FN}/deploy", functions.deploy, name="function-deploy"),
    path(f"{FN}/test", functions.test, name="function-test"),
    path(f"{FN}/deployments", activity.deployments, name="function-deployments"),
    path(f"{FN}/versions/<int:number>/roll-back", activity.roll_back, name="function-roll-back"),
    path(f"{FN}/executions", activity.executions, name="function-executions"),
    path(f"{FN}/executions/<str:execution_id>", activity.execution, name="function-execution"),
    path(f"{FN}/logs", activity.logs, name="function-logs"),
    path(f"{FN}/metrics", activity.metrics, name="function-metrics"),
    path(f"{FN}/settings", functions.settings, name="function-settings"),
    path(f"{FN}/status", functions.set_status, name="function-status"),
    path(f"{FN}/remove", functions.remove, name="function-remove"),
    # Served by the edge stack: they wait for functions and for what happens next.
    path("run/<str:workspace>/<str:function>/draft", streams.run_draft, name="run-draft"),
    path("run/<str:workspace>/<str:function>/test", streams.run_test, name="run-test"),
    path("stream/<str:workspace>/<str:function>/logs", streams.logs, name="stream-logs"),
    path(
        "stream/<str:workspace>/<str:function>/deployments/<str:deployment>",
        streams.deployment,
        name="stream-deployment",
    ),
]
